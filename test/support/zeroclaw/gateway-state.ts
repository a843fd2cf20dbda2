import type { ZeroclawConfig } from "./config.ts";
import type { PairingGuard } from "./pairing.ts";
import type { SessionStore } from "./sessions.ts";
import type { TurnQueue } from "./turn-queue.ts";

/**
 * Which ZeroClaw is spoken. `0.8`: as 0.8.4. `0.6`: as 0.6.9, which stands for 0.5 to 0.7: no `?agent=`, no abort, a webhook
 * that is one plain model call. `0.1`: as 0.1.7: one turn a socket, its end only, token in the query, no calls of
 * administration. `tinyclaw`: a fork of before that with `/health`, `/pair` and `/webhook` alone.
 */
export type ZeroclawProfile = "0.8" | "0.6" | "0.1" | "tinyclaw";

export const profileVersions: Readonly<Record<ZeroclawProfile, string>> = {
  "0.8": "0.8.4",
  "0.6": "0.6.9",
  "0.1": "0.1.7",
  tinyclaw: "0.1.0",
};

/** What tests may bend. */
export interface ZeroclawKnobs {
  readonly profile?: ZeroclawProfile;
  /** Default: that of the profile. */
  readonly version?: string;
  /** Time between the start of the program and its listening. Default 0. */
  readonly startDelayMs?: number;
  /** The program ends itself with code 101 so long after it began to listen. Default: never. */
  readonly crashAfterMs?: number;
  /** What `/health` says of its component. Default `ok`. */
  readonly health?: "ok" | "starting" | "error";
  /** No model is configured, whatever the configuration says. */
  readonly needsQuickstart?: boolean;
  /** How long an approval is waited for before it is denied. Default 120,000. */
  readonly approvalTimeoutMs?: number;
  /** How long a message waits for its turn. Default 30,000. */
  readonly queueWaitMs?: number;
  /** Peers count as coming from elsewhere. Default false. */
  readonly isRemote?: boolean;
  /** Text of the first chunk of each answer, which its end does not have. Default: none. */
  readonly strayChunk?: string;
}

/** What came in, for tests to look at. */
export interface ZeroclawSeen {
  /** `POST /webhook` */
  readonly requests: string[];
  /** Messages that joined a running turn. */
  readonly steering: string[];
  /** Names that paired devices gave themselves. */
  readonly devices: string[];
  /** Subprotocols, and whether the token was in header or query. */
  readonly sockets: { readonly url: string; readonly hasHeader: boolean; readonly protocols: string }[];
  readonly approvals: { readonly tool: string; readonly decision: string }[];
  /** Turns that were cancelled, by session id. */
  readonly cancelled: string[];
}

export interface GatewayState {
  readonly config: ZeroclawConfig;
  readonly knobs: ZeroclawKnobs;
  readonly profile: ZeroclawProfile;
  readonly version: string;
  readonly pairing: PairingGuard;
  readonly sessions: SessionStore;
  readonly queue: TurnQueue;
  /** Running turns by session id. */
  readonly turns: Map<string, AbortController>;
  readonly seen: ZeroclawSeen;
  readonly startedAtMs: number;
  readonly port: () => number;
  readonly shutDown: () => void;
}

export const bearerOf = (request: Request): string | null =>
  /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;

export const json = (status: number, body: object) => Response.json(body, { status });

export const unauthorized = () =>
  json(401, { error: "Unauthorized — pair first via POST /pair, then send Authorization: Bearer <token>" });

/** At most so many a minute from one client. */
export interface RateLimit {
  readonly allows: (client: string) => boolean;
}

export function createRateLimit(perMinute: number): RateLimit {
  const times = new Map<string, number[]>();
  return {
    allows: (client) => {
      if (perMinute === 0) return true;
      const recent = (times.get(client) ?? []).filter((time) => time > Date.now() - 60_000);
      times.set(client, recent);
      if (recent.length >= perMinute) return false;
      recent.push(Date.now());
      return true;
    },
  };
}
