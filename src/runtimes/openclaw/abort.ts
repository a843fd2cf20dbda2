import type { GatewayAccess } from "./run-context.ts";

/**
 * Asks the gateway to stop a run of ours. It lets only the connection that submitted the run do that, or the
 * administrator: for a run from before a lost connection a short administrator's connection asks. Tells nothing of its
 * success: whether the run has ended is seen by its end.
 */
export async function sendAbort(access: GatewayAccess, sessionKey: string, runId: string): Promise<void> {
  const params = { key: sessionKey, runId };
  const reply = await access.connection.request("sessions.abort", params);
  if (reply.kind !== "error") return;
  const admin = await access.openAdmin();
  if (admin === null) return;
  try {
    const again = await admin.request("sessions.abort", params);
    if (again.kind === "error")
      access.log.warn("openclaw refused to stop a run", { run: runId, code: again.error.code });
  } finally {
    admin.close();
  }
}
