import type { ChatHistory, HistoryMessage } from "./gateway-schemas.ts";

/**
 * What a session's history tells of one run of ours:
 * - `absent`: the gateway has never recorded its message
 * - `pending`: recorded, and not begun; `isInterrupted`: the gateway was restarted since and will not begin it by itself
 * - `answered`: its answer is complete
 * - `recovering`: the gateway began it again after a crash, under another run id
 * - `open`: begun, and either at work or about to be recovered
 * - `dropped`: begun, without an answer, and nothing goes on
 */
export type RunInHistory =
  | { readonly kind: "absent" }
  | { readonly kind: "pending"; readonly isInterrupted: boolean }
  | {
      readonly kind: "answered";
      readonly text: string;
      /** Of the message that holds the answer, to read it in full when `isTruncated`. */
      readonly messageId: string | null;
      readonly isTruncated: boolean;
    }
  | { readonly kind: "recovering"; readonly runId: string }
  | { readonly kind: "open" }
  | { readonly kind: "dropped" };

const recoveryTool = "main_session_restart_recovery";
const userMarker = ":user";

/**
 * Finds a run by the mark that its message carries. Only what stands between that message and the next one of somebody
 * else counts, and only an answer that ended by itself: pieces of a turn that was cut off are no answer.
 */
export function matchRunInHistory(history: ChatHistory, runId: string): RunInHistory {
  const start = history.messages.findIndex((message) => message.idempotencyKey === `${runId}${userMarker}`);
  if (start < 0) return matchPending(history, runId);
  const turn = turnAfter(history.messages, start);
  const isLatest = start + turn.length + 1 === history.messages.length;
  const info = history.sessionInfo;
  const isAtWork = isLatest && (info?.hasActiveRun === true || info?.status === "running");
  const recovery = turn.findLast(isRecovery);
  const last = turn.at(-1);
  if (last !== undefined && mayBeAnswer(last) && !isAtWork) {
    return {
      kind: "answered",
      text: toText(last),
      messageId: last.__openclaw?.id ?? null,
      isTruncated: last.__openclaw?.truncated === true,
    };
  }
  const recoveryRunId = recovery?.idempotencyKey?.endsWith(userMarker)
    ? recovery.idempotencyKey.slice(0, -userMarker.length)
    : null;
  if (recoveryRunId !== null) return { kind: "recovering", runId: recoveryRunId };
  if (isAtWork || (isLatest && info?.abortedLastRun === true)) return { kind: "open" };
  return { kind: "dropped" };
}

function matchPending(history: ChatHistory, runId: string): RunInHistory {
  const pending = history.pendingInputs?.items.find((item) => item.runId === runId);
  if (pending === undefined) return { kind: "absent" };
  return { kind: "pending", isInterrupted: pending.state === "interrupted" };
}

/** The messages after the one at `start`, up to the next that is neither an answer, a tool's result nor a recovery. */
function turnAfter(messages: readonly HistoryMessage[], start: number): readonly HistoryMessage[] {
  const rest = messages.slice(start + 1);
  const end = rest.findIndex((message) => message.role === "user" && !isRecovery(message));
  return end < 0 ? rest : rest.slice(0, end);
}

function isRecovery(message: HistoryMessage): boolean {
  return message.role === "user" && message.provenance?.sourceTool === recoveryTool;
}

/** A message too long for the history comes without its stop reason; the full one has it. */
function mayBeAnswer(message: HistoryMessage): boolean {
  if (message.role !== "assistant") return false;
  return isAnswer(message) || (message.stopReason === undefined && message.__openclaw?.truncated === true);
}

/** `length`: the model reached its own limit, and OpenClaw gives out what there is. */
const finalStopReasons: ReadonlySet<string | undefined> = new Set(["stop", "length"]);

/** A message that ended its turn; one that was cut off says `aborted` or `error`, one before a tool `toolUse`. */
export function isAnswer(message: HistoryMessage): boolean {
  return message.role === "assistant" && finalStopReasons.has(message.stopReason);
}

/** The visible text of a stored message. */
export function toText(message: HistoryMessage): string {
  if (typeof message.content === "string") return message.content;
  return (message.content ?? [])
    .filter((part) => part.type === undefined || part.type === "text")
    .map((part) => part.text ?? "")
    .join("");
}
