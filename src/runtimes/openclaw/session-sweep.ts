import type { CancelTimer } from "../../platform/clock.ts";
import { ask } from "./gateway.ts";
import { SessionList } from "./gateway-schemas.ts";
import type { GatewayAccess } from "./run-context.ts";
import { isTaskSession, taskSessionSearch } from "./session-key.ts";

/** A task's session is kept so long after its last run, for people who want to look into it. */
export const taskSessionAgeMs = 24 * 60 * 60_000;
const firstSweepMs = 10 * 60_000;
const sweepIntervalMs = 60 * 60_000;
/** Deletions of one sweep; the rest waits for the next. */
const maxDeletions = 200;
/** Sessions looked at in one sweep. */
const maxListed = 1000;

/** Every message without a session leaves one in the gateway. Sweeps once an hour, until the returned function is called. */
export function startSessionSweep(access: GatewayAccess): CancelTimer {
  let isOver = false;
  let cancelTimer: CancelTimer = () => {};
  const arm = (delayMs: number) => {
    cancelTimer = access.clock.after(delayMs, () => void sweep(), { unref: true });
  };
  const sweep = async () => {
    if (access.connection.state().kind === "connected") {
      const result = await sweepTaskSessions(access, taskSessionAgeMs);
      // Where the administrator's scope is not to be had, the sessions stay.
      if (result === "refused") return;
    }
    if (!isOver) arm(sweepIntervalMs);
  };
  arm(firstSweepMs);
  return () => {
    isOver = true;
    cancelTimer();
  };
}

/**
 * Deletes sessions of single tasks whose last change is longer ago.
 * @returns how many; `refused` when the gateway does not let us
 */
export async function sweepTaskSessions(
  access: GatewayAccess,
  olderThanMs: number,
): Promise<number | "refused"> {
  const params = { search: taskSessionSearch, limit: maxListed };
  const list = await ask(access.connection, { method: "sessions.list", params: params, answer: SessionList });
  const latestMs = access.clock.nowMs() - olderThanMs;
  const old = (list?.sessions ?? [])
    .filter((session) => isTaskSession(session.key) && session.hasActiveRun !== true)
    .filter((session) => typeof session.updatedAt === "number" && session.updatedAt <= latestMs)
    .slice(0, maxDeletions);
  if (old.length === 0) return 0;
  const admin = await access.openAdmin();
  if (admin === null) return "refused";
  try {
    let deleted = 0;
    for (const { key } of old) {
      const reply = await admin.request("sessions.delete", { key, deleteTranscript: true });
      if (reply.kind === "error" && reply.error.code === "FORBIDDEN") return "refused";
      if (reply.kind === "ok") deleted += 1;
    }
    access.log.info("deleted old openclaw task sessions", { count: deleted });
    return deleted;
  } finally {
    admin.close();
  }
}
