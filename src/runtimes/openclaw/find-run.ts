import type { GatewayConnection } from "./connection.ts";
import { fetchHistory } from "./gateway.ts";
import { matchRunInHistory, type RunInHistory } from "./run-in-history.ts";

/** Messages of a session that are looked at to find one run: few at first, then as many as the gateway gives out. */
const windows: readonly number[] = [200, 1_000];

/** Looks for a run in the history of its session; null: the gateway did not answer. */
export async function findRun(
  connection: GatewayConnection,
  sessionKey: string,
  runId: string,
): Promise<RunInHistory | null> {
  let found: RunInHistory | null = null;
  for (const limit of windows) {
    const history = await fetchHistory(connection, sessionKey, limit);
    if (history === null) return null;
    found = matchRunInHistory(history, runId, limit);
    if (found.kind !== "unknown") return found;
  }
  return found;
}
