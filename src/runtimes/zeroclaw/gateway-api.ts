import { z } from "zod";
import type { HttpFetch } from "../../platform/http-fetch.ts";
import type { Secret } from "../../protocol/secret.ts";
import { readBoundedBody, readJson } from "../bounded-body.ts";
import type { GatewayAddress } from "../gateway-address.ts";

export interface GatewayAccess {
  readonly address: GatewayAddress;
  readonly fetch: HttpFetch;
}

interface GatewayCall {
  readonly method?: "GET" | "POST" | "DELETE";
  /** With the slash in front. */
  readonly path: string;
  readonly token?: Secret | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Bytes of the answer; default 256 KiB. */
  readonly maxBytes?: number;
}

export interface GatewayReply {
  readonly status: number;
  /** undefined: not JSON, such as the page that ZeroClaw answers to unknown paths with status 200. */
  readonly body: unknown;
  /** The answer was longer than the limit. */
  readonly isTooLong: boolean;
}

const maxReplyBytes = 256 * 1024;

/** Rejects when the gateway cannot be reached or the signal is aborted. */
export async function callGateway(
  { address, fetch }: GatewayAccess,
  call: GatewayCall,
): Promise<GatewayReply> {
  const { method = "GET", token = null, body } = call;
  const init: BunFetchRequestInit = {
    method,
    signal: call.signal,
    // A redirect would carry the token elsewhere.
    redirect: "manual",
    // A kept connection may have died unnoticed, and nobody could tell whether the call still got through.
    keepalive: false,
    timeout: false,
    headers: {
      accept: "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...call.headers,
    },
    ...(body === undefined ? {} : { body }),
  };
  const response = await fetch(`${address.httpUrl}${call.path}`, init);
  const text = await readBoundedBody(response, call.maxBytes ?? maxReplyBytes);
  return { status: response.status, body: readJson(text), isTooLong: text === null };
}

const Component = z.object({ status: z.string(), last_error: z.string().nullish().catch(null) });

/** `GET /health`; a fork of before 0.1.7 (TinyClaw) does not tell `require_pairing`. */
const Health = z
  .object({
    require_pairing: z.boolean().optional(),
    runtime: z.object({ components: z.record(z.string(), Component) }).optional(),
  })
  .refine((health) => health.require_pairing !== undefined || health.runtime !== undefined);

export type HealthFinding =
  /** Something answers that is no ZeroClaw. */
  | { readonly kind: "foreign" }
  /** `problem`: why it takes no work yet. `needsToken` null: it does not tell. */
  | { readonly kind: "zeroclaw"; readonly needsToken: boolean | null; readonly problem: string | null };

/** Rejects when the gateway cannot be reached. */
export async function fetchHealth(access: GatewayAccess, signal: AbortSignal): Promise<HealthFinding> {
  const reply = await callGateway(access, { path: "/health", signal });
  const health = Health.safeParse(reply.body);
  if (reply.status !== 200 || !health.success) return { kind: "foreign" };
  const { require_pairing = null, runtime } = health.data;
  const gateway = runtime?.components.gateway;
  const isOk = gateway === undefined || gateway.status === "ok";
  const said = gateway?.last_error ?? null;
  const problem = isOk ? null : `its gateway is "${gateway.status}"${said === null ? "" : ` (${said})`}`;
  return { kind: "zeroclaw", needsToken: require_pairing, problem };
}

const Status = z.object({ version: z.string(), model: z.string().nullish().catch(null) });

export type StatusFinding =
  | { readonly kind: "told"; readonly version: string; readonly model: string | null }
  | { readonly kind: "unauthorized" }
  /** It has no such call, as before 0.1.7 and in forks. */
  | { readonly kind: "none" }
  /** It has the call, or may have it, and did not answer it now. */
  | { readonly kind: "unclear"; readonly status: number };

/** Rejects when the gateway cannot be reached. */
export async function fetchStatus(
  access: GatewayAccess,
  token: Secret | null,
  signal: AbortSignal,
): Promise<StatusFinding> {
  const reply = await callGateway(access, { path: "/api/status", token, signal });
  if (reply.status === 401 || reply.status === 403) return { kind: "unauthorized" };
  const hasNoCall = reply.status === 404 || reply.status === 405;
  // ZeroClaw answers unknown paths with its page and status 200.
  const isPage = reply.status === 200 && reply.body === undefined && !reply.isTooLong;
  if (hasNoCall || isPage) return { kind: "none" };
  const status = Status.safeParse(reply.body);
  if (reply.status !== 200 || !status.success) return { kind: "unclear", status: reply.status };
  const { version, model = null } = status.data;
  return { kind: "told", version, model: model === "" ? null : model };
}
