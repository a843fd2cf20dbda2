import { z } from "zod";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import type { Secret } from "../../protocol/secret.ts";
import { callGateway, type GatewayAccess } from "./gateway-api.ts";

/** One session of the gateway and the right to ask about it. */
export interface SessionAccess extends GatewayAccess {
  readonly sessionId: string;
  readonly token: Secret | null;
  readonly clock: Clock;
}

const Aborted = z.object({ status: z.enum(["aborted", "no_active_response"]) });
const State = z.object({ state: z.enum(["idle", "running", "error"]) });

/** `missing`: there is no such session. `unknown`: the gateway could not be asked, or does not tell. */
export type SessionState = z.infer<typeof State>["state"] | "missing" | "unknown";
export type AbortAnswer = z.infer<typeof Aborted>["status"] | "unknown";

/** For each call. */
const callLimitMs = 1_500;
const pollMs = 100;

/** Stops the session's running turn. Never rejects. */
export function abortTurn(access: SessionAccess): Promise<AbortAnswer> {
  return inTime(access, async (signal) => {
    const { token, sessionId } = access;
    const path = `/api/sessions/${encodeURIComponent(sessionId)}/abort`;
    const reply = await callGateway(access, { method: "POST", path, token, signal });
    const answer = Aborted.safeParse(reply.body);
    return reply.status === 200 && answer.success ? answer.data.status : "unknown";
  });
}

/** What the session is doing. Never rejects. */
export function fetchState(access: SessionAccess): Promise<SessionState> {
  return inTime(access, async (signal) => {
    const { token, sessionId } = access;
    const path = `/api/sessions/${encodeURIComponent(sessionId)}/state`;
    const reply = await callGateway(access, { path, token, signal });
    const state = State.safeParse(reply.body);
    if (reply.status === 404 && reply.body !== undefined) return "missing";
    return reply.status === 200 && state.success ? state.data.state : "unknown";
  });
}

/** Forgets the session, with a turn that may still run in it. Never rejects. */
export async function deleteSession(access: SessionAccess): Promise<void> {
  await inTime<"done" | "unknown">(access, async (signal) => {
    const { token, sessionId } = access;
    const path = `/api/sessions/${encodeURIComponent(sessionId)}`;
    await callGateway(access, { method: "DELETE", path, token, signal });
    return "done";
  });
}

/**
 * Stops what runs in the session until the gateway says that nothing does. Only for a session of a single attempt, or while the
 * attempt has its conversation for itself.
 * @returns whether the gateway said so in time
 */
export async function stopUntilIdle(access: SessionAccess, limitMs: number): Promise<boolean> {
  const endsAtMs = access.clock.monotonicMs() + limitMs;
  for (;;) {
    const answer = await abortTurn(access);
    if (answer === "no_active_response") return true;
    if (answer === "unknown" || access.clock.monotonicMs() >= endsAtMs) return false;
    await delay(access.clock, pollMs);
  }
}

/**
 * Waits, without touching it, until nothing runs in the session.
 * @returns its last state
 */
export async function waitUntilIdle(
  access: SessionAccess,
  limitMs: number,
  signal?: AbortSignal,
): Promise<SessionState> {
  const endsAtMs = access.clock.monotonicMs() + limitMs;
  for (;;) {
    const state = await fetchState(access);
    if (state !== "running" || access.clock.monotonicMs() >= endsAtMs) return state;
    if ((await delay(access.clock, pollMs, signal)) === "aborted") return state;
  }
}

async function inTime<T>(
  { clock }: SessionAccess,
  ask: (signal: AbortSignal) => Promise<T | "unknown">,
): Promise<T | "unknown"> {
  const stop = new AbortController();
  // Whatever goes wrong on the way means that nothing is known.
  const answer = ask(stop.signal).catch(() => "unknown" as const);
  const result = await waitAtMost<T | "unknown">(answer, {
    clock,
    limitMs: callLimitMs,
    otherwise: "unknown",
  });
  stop.abort();
  return result;
}
