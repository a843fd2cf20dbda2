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
/** Sessions looked at in one sweep: pages of so many, the newest first, and so many pages. */
const pageLength = 500;
const maxPages = 10;

/** Every message without a session leaves one in the gateway. Sweeps once an hour, until the returned function is called. */
export function startSessionSweep(access: GatewayAccess): CancelTimer {
  let isOver = false;
  let cancelTimer: CancelTimer = () => {};
  const arm = (delayMs: number) => {
    cancelTimer = access.clock.after(delayMs, () => void sweep(), { unref: true });
  };
  const sweep = async () => {
    if (access.connection.state().kind === "connected") {
      const result = await sweepTaskSessions(access, { olderThanMs: taskSessionAgeMs, maxDeletions });
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

interface SweepLimits {
  readonly olderThanMs: number;
  readonly maxDeletions: number;
}

/**
 * Deletes sessions of single tasks whose last change is longer ago.
 * @returns how many; `refused` when the gateway does not let us
 */
export async function sweepTaskSessions(
  access: GatewayAccess,
  { olderThanMs, maxDeletions }: SweepLimits,
): Promise<number | "refused"> {
  const old = (await fetchOldSessions(access, access.clock.nowMs() - olderThanMs)).slice(0, maxDeletions);
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

async function fetchOldSessions(
  { connection }: GatewayAccess,
  latestMs: number,
): Promise<SessionList["sessions"]> {
  for (let page = 0; page < maxPages; page += 1) {
    const params = { search: taskSessionSearch, limit: pageLength, offset: page * pageLength };
    const list = await ask(connection, { method: "sessions.list", params, answer: SessionList });
    const old = (list?.sessions ?? []).filter(
      ({ key, updatedAt, hasActiveRun }) =>
        isTaskSession(key) && hasActiveRun !== true && typeof updatedAt === "number" && updatedAt <= latestMs,
    );
    if (old.length > 0 || list?.hasMore !== true) return old;
  }
  return [];
}
