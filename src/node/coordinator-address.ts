import { createMeshClient, type MeshFetch } from "../client/index.ts";
import { withTrust } from "../platform/tls/trust.ts";
import { MeshError } from "../protocol/errors.ts";
import { apiPrefix, contract } from "../protocol/http/contract.ts";
import type { MeshId } from "../protocol/ids.ts";
import type { Secret } from "../protocol/secret.ts";
import type { CoordinatorTrust } from "./coordinator-trust.ts";

/** Longest wait for an answer of the coordinator over plain HTTP. */
const questionLimitMs = 3_000;

export interface CoordinatorAddressOptions {
  /** As the user gave it. */
  readonly url: string;
  readonly fetch: MeshFetch;
  /** The proxy on the way, or null; for requests and for the link. */
  readonly proxyUrl: string | null;
  /** Made for the same address. */
  readonly trust: (url: string) => Promise<CoordinatorTrust> | CoordinatorTrust;
}

/** What a node asks a coordinator over plain HTTP, before and beside the link. */
export interface CoordinatorAddress {
  /** Without a slash at the end. */
  readonly url: string;
  readonly linkUrl: string;
  readonly proxyUrl: string | null;
  readonly trust: CoordinatorTrust;
  /** Requests to the coordinator, and to nobody whom it cannot be. */
  readonly fetch: MeshFetch;
  /**
   * Which mesh answers there; the key is compared with the pin first. Throws COORDINATOR_UNREACHABLE, PROXY_IN_THE_WAY,
   * NOT_A_COORDINATOR, TLS_PIN_MISMATCH or TLS_NOT_TRUSTED.
   */
  readonly askMeshId: () => Promise<MeshId>;
  /** Why the link does not open with this token. */
  readonly explainLink: (token: Secret) => Promise<MeshError>;
}

/** @throws MeshError USAGE for an address that is none, and for a pin that does not fit it */
export async function openCoordinatorAddress(
  options: CoordinatorAddressOptions,
): Promise<CoordinatorAddress> {
  const parsed = URL.parse(options.url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw new MeshError("USAGE", `"${options.url}" is not the address of a coordinator`, {
      hint: "Give it as http://host:9180.",
    });
  }
  const url = (parsed.origin + parsed.pathname).replace(/\/+$/, "");
  const trust = await options.trust(url);
  const fetch: MeshFetch = async (target, init) => withTrust(options.fetch, trust.current())(target, init);
  const ask = (token: Secret | null) =>
    createMeshClient({
      baseUrl: url,
      token,
      fetch,
      proxyUrl: options.proxyUrl,
      timeoutMs: questionLimitMs,
    });
  return {
    url,
    linkUrl: `${url.replace(/^http/, "ws")}${apiPrefix}/link`,
    proxyUrl: options.proxyUrl,
    trust,
    fetch,
    askMeshId: async () => {
      await trust.settle();
      try {
        return (await ask(null).call(contract.getHealth, {})).mesh_id;
      } catch (error) {
        throw error instanceof MeshError ? trust.explain(error) : error;
      }
    },
    explainLink: async (token) => {
      try {
        await ask(token).call(contract.openLink, {});
      } catch (error) {
        if (error instanceof MeshError) return toLinkError(trust.explain(error), url);
        throw error;
      }
      return new MeshError("COORDINATOR_UNREACHABLE", `${url} did not open a WebSocket`);
    },
  };
}

/** The route wants an upgrade: the token is good, and the WebSocket failed for a reason of the moment or of the way. */
function toLinkError(error: MeshError, url: string): MeshError {
  if (error.code !== "UPGRADE_REQUIRED") return error;
  return new MeshError("COORDINATOR_UNREACHABLE", `the WebSocket to ${url} could not be opened`, {
    hint: "If this goes on, something on the way lets no WebSockets through: claw-mesh doctor",
    cause: error,
  });
}
