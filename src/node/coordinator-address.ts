import { createMeshClient, type MeshFetch } from "../client/index.ts";
import { MeshError } from "../protocol/errors.ts";
import { apiPrefix, contract } from "../protocol/http/contract.ts";
import type { MeshId } from "../protocol/ids.ts";
import type { Secret } from "../protocol/secret.ts";

/** Longest wait for an answer of the coordinator over plain HTTP. */
const questionLimitMs = 3_000;

export interface CoordinatorAddressOptions {
  /** As the user gave it. */
  readonly url: string;
  readonly fetch: MeshFetch;
  /** The proxy on the way, or null; for requests and for the link. */
  readonly proxyUrl: string | null;
}

/** What a node asks a coordinator over plain HTTP, before and beside the link. */
export interface CoordinatorAddress {
  /** Without a slash at the end. */
  readonly url: string;
  readonly linkUrl: string;
  readonly proxyUrl: string | null;
  /** Which mesh answers there. Throws COORDINATOR_UNREACHABLE, PROXY_IN_THE_WAY or NOT_A_COORDINATOR. */
  readonly askMeshId: () => Promise<MeshId>;
  /** Why the link does not open with this token. */
  readonly explainLink: (token: Secret) => Promise<MeshError>;
}

/** @throws MeshError USAGE for an address that is none */
export function parseCoordinatorAddress(options: CoordinatorAddressOptions): CoordinatorAddress {
  const parsed = URL.parse(options.url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw new MeshError("USAGE", `"${options.url}" is not the address of a coordinator`, {
      hint: "Give it as http://host:9180.",
    });
  }
  const url = (parsed.origin + parsed.pathname).replace(/\/+$/, "");
  const ask = (token: Secret | null) =>
    createMeshClient({
      baseUrl: url,
      token,
      fetch: options.fetch,
      proxyUrl: options.proxyUrl,
      timeoutMs: questionLimitMs,
    });
  return {
    url,
    linkUrl: `${url.replace(/^http/, "ws")}${apiPrefix}/link`,
    proxyUrl: options.proxyUrl,
    askMeshId: async () => (await ask(null).call(contract.getHealth, {})).mesh_id,
    explainLink: async (token) => {
      try {
        await ask(token).call(contract.openLink, {});
      } catch (error) {
        if (error instanceof MeshError) return toLinkError(error, url);
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
