import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { Clock } from "../../platform/clock.ts";
import { explainForeign, findPortOwner } from "../../platform/port-owner.ts";
import type { Secret } from "../../protocol/secret.ts";
import { noModelMessage } from "./failure-map.ts";
import { fetchHealth, fetchStatus, type GatewayAccess, type StatusFinding } from "./gateway-api.ts";
import type { TokenSource } from "./pairing.ts";
import { keepsSessions, matchVersion, type ZeroclawVersion } from "./version.ts";

export interface ReachOptions extends GatewayAccess {
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly via: "auto" | "socket" | "webhook";
  /** `always`: nothing goes to a port of this machine where neither this user nor root listens. `kept`: no kept token does. */
  readonly checksOwner: "always" | "kept" | "never";
  /** What the gateway told last. */
  readonly known: { version: ZeroclawVersion | null };
}

/** What stands at the address, and whether it takes a message now. */
export type Reach =
  | {
      readonly kind: "ready";
      readonly token: Secret | null;
      readonly version: ZeroclawVersion | null;
      readonly speaks: "chat" | "webhook";
    }
  | {
      readonly kind: "unready";
      /** `auth`: no token, or none that it takes; anything else is for its operator, or for time. */
      readonly cause: "auth" | "other";
      readonly version: ZeroclawVersion | null;
      readonly message: string;
    };

/** Below the 3 s that a probe may take. */
const reachLimitMs = 2_800;

/** Asks for health, version and model, and pairs where that is needed and possible. Never rejects. */
export async function reachGateway(options: ReachOptions, signal?: AbortSignal): Promise<Reach> {
  const stop = new AbortController();
  const onAbort = () => stop.abort("stopped");
  const cancelLimit = options.clock.after(reachLimitMs, () => stop.abort("timeout"));
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await look(options, stop.signal);
  } catch (error) {
    const { httpUrl } = options.address;
    if (stop.signal.aborted) return unready(`${httpUrl} did not answer within ${reachLimitMs} ms`);
    const code = errorCodeOf(error);
    return unready(`nothing answers at ${httpUrl}${code === null ? "" : ` (${code})`}`);
  } finally {
    cancelLimit();
    signal?.removeEventListener("abort", onAbort);
  }
}

async function look(options: ReachOptions, signal: AbortSignal): Promise<Reach> {
  const { httpUrl } = options.address;
  const foreign = options.checksOwner === "never" ? null : explainForeign(findPortOwner(httpUrl));
  if (foreign !== null && options.checksOwner === "always") return unready(notAsked(httpUrl, foreign));
  const health = await fetchHealth(options, signal);
  if (health.kind === "foreign") return unready(`what answers at ${httpUrl} is no ZeroClaw gateway`);
  if (health.problem !== null) return unready(`ZeroClaw at ${httpUrl} is not ready: ${health.problem}`);
  if (foreign !== null && health.needsToken !== false) {
    const how = "where that is meant, give its token with --gateway-token";
    return { ...unready(`${notAsked(httpUrl, foreign)}; ${how}`), cause: "auth" };
  }
  const access = await gainAccess(options, health.needsToken, signal);
  if (access.kind === "refused") return { ...unready(access.message), cause: "auth" };
  const { token, status } = access;
  if (status.kind === "unclear") {
    // Nothing is concluded from it: without the version a conversation would go to the webhook, which keeps none.
    const message = `${httpUrl} did not answer /api/status (HTTP ${status.status})`;
    return { ...unready(message), version: options.known.version };
  }
  const version = status.kind === "told" ? matchVersion(status.version) : null;
  options.known.version = version;
  if (status.kind === "told" && status.model === null) return { ...unready(noModelMessage()), version };
  const speaks = options.via === "webhook" || !keepsSessions(version) ? "webhook" : "chat";
  if (options.via === "socket" && speaks === "webhook") {
    const which = version === null ? "this version of ZeroClaw" : `ZeroClaw ${version.text}`;
    const message = `${which} has no WebSocket chat with conversations; update to 0.5 or later, or use its webhook`;
    return { ...unready(message), version };
  }
  return { kind: "ready", token, version, speaks };
}

type Access =
  | { readonly kind: "granted"; readonly token: Secret | null; readonly status: StatusFinding }
  | { readonly kind: "refused"; readonly message: string };

/** A token that the gateway takes; at most one new one, as another refusal means something else. */
async function gainAccess(
  options: ReachOptions,
  needsToken: boolean | null,
  signal: AbortSignal,
): Promise<Access> {
  const { tokens } = options;
  // What needs no token is given none.
  const first = needsToken === false ? null : await tokens.current();
  const status = await fetchStatus(options, first, signal);
  const isEnough =
    status.kind === "told" ||
    status.kind === "unclear" ||
    (status.kind === "none" && (first !== null || needsToken !== true));
  if (isEnough) return { kind: "granted", token: first, status };
  const renewed = await tokens.renew(first, signal);
  if (renewed.kind === "none") return { kind: "refused", message: renewed.message };
  const again = await fetchStatus(options, renewed.token, signal);
  if (again.kind !== "unauthorized") return { kind: "granted", token: renewed.token, status: again };
  return {
    kind: "refused",
    message: `${new URL(options.address.httpUrl).host} refuses the token that it gave`,
  };
}

function notAsked(httpUrl: string, why: string): string {
  return `no ZeroClaw gateway of this user answers at ${httpUrl}: ${why}`;
}

function unready(message: string): Extract<Reach, { readonly kind: "unready" }> {
  return { kind: "unready", cause: "other", version: null, message };
}
