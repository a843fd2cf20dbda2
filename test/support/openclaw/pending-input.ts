import type { PlainClient } from "./plain-client.ts";

const pollMs = 50;
const limitMs = 20_000;

/** Resolves when the gateway holds a run's message that it has not begun with. */
export async function untilPending(client: PlainClient, sessionKey: string, runId: string): Promise<void> {
  const endsAtMs = performance.now() + limitMs;
  for (;;) {
    const { payload } = await client.request("chat.history", { sessionKey, limit: 10 });
    if (pendingRuns(payload).includes(runId)) return;
    if (performance.now() > endsAtMs) throw new Error(`${runId} never waited in ${sessionKey}`);
    await Bun.sleep(pollMs);
  }
}

function pendingRuns(history: unknown): readonly unknown[] {
  if (!isRecord(history) || !isRecord(history.pendingInputs)) return [];
  const { items } = history.pendingInputs;
  return Array.isArray(items) ? items.filter(isRecord).map((item) => item.runId) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
