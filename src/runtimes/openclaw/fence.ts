import type { RuntimeAttempt } from "../runtime.ts";
import { sendAbort } from "./abort.ts";
import { findRun } from "./find-run.ts";
import { fetchRunEnd, fetchSessionExists } from "./gateway.ts";
import type { GatewayAccess } from "./run-context.ts";
import { toSessionKey } from "./session-key.ts";
import { waitConnected } from "./wait-connected.ts";

const connectWaitMs = 2_000;
/** After an abort, for the run to end. */
const endWaitMs = 1_000;

/**
 * Makes sure that a run does nothing more, also not after the next start of the gateway, which takes interrupted work
 * up again by itself. The session of a single task may be reset for that; a conversation never is.
 * @param signal what is under way is finished then, and nothing more is asked of the gateway
 * @returns whether that is certain
 */
export async function fenceAttempt(
  access: GatewayAccess,
  attempt: RuntimeAttempt,
  signal?: AbortSignal,
): Promise<boolean> {
  const { connection, clock } = access;
  const wait = { clock, withinMs: connectWaitMs, ...(signal === undefined ? {} : { signal }) };
  if ((await waitConnected(connection, wait)) === null) return false;
  const sessionKey = toSessionKey(attempt);
  const found = await findRun(connection, sessionKey, attempt.key);
  const isBrokenOff = () => signal?.aborted === true;
  if (isBrokenOff()) return false;
  switch (found?.kind) {
    case undefined:
      return false;
    case "absent":
    case "answered":
      return true;
    case "pending":
      if (found.isInterrupted || (await abortRun(access, sessionKey, attempt.key))) return true;
      break;
    case "recovering":
      if (await abortRun(access, sessionKey, found.runId)) return true;
      break;
    case "open":
    case "unknown":
      if (await abortRun(access, sessionKey, attempt.key)) return true;
      break;
    case "dropped":
      break;
  }
  if (attempt.session !== null || isBrokenOff()) return false;
  return resetSession(access, sessionKey);
}

/** @returns whether the run has ended, now or before */
async function abortRun(access: GatewayAccess, sessionKey: string, runId: string): Promise<boolean> {
  await sendAbort(access, sessionKey, runId);
  return (await fetchRunEnd(access.connection, runId, endWaitMs))?.endedAt !== undefined;
}

async function resetSession(access: GatewayAccess, sessionKey: string): Promise<boolean> {
  // Resetting what is not there would make it.
  const isThere = await fetchSessionExists(access.connection, sessionKey);
  if (isThere !== true) return isThere === false;
  const admin = await access.openAdmin();
  if (admin === null) return false;
  try {
    const reply = await admin.request("sessions.reset", { key: sessionKey, reason: "reset" });
    if (reply.kind !== "ok") access.log.warn("openclaw refused to reset a session", { session: sessionKey });
    return reply.kind === "ok";
  } finally {
    admin.close();
  }
}
