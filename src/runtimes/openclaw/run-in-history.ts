import type { ChatHistory, HistoryMessage } from "./gateway-schemas.ts";

/**
 * What a session's history tells of one run of ours:
 * - `absent`: the whole history was seen, and the gateway holds no message of it
 * - `unknown`: its message is not among those that were seen, and there are others; `isAtWork`: something runs
 * - `pending`: recorded, and not begun; `isInterrupted`: the gateway was restarted since and will not begin it by itself
 * - `answered`: its answer is complete
 * - `recovering`: the gateway began it again after a crash, under another run id
 * - `open`: begun, and either at work or about to be recovered
 * - `dropped`: begun, without an answer, and nothing goes on
 */
export type RunInHistory =
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly isAtWork: boolean }
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
 * @param limit the number of messages that was asked for
 */
export function matchRunInHistory(history: ChatHistory, runId: string, limit: number): RunInHistory {
  const start = history.messages.findIndex((message) => toMark(message) === `${runId}${userMarker}`);
  if (start < 0) return matchUnmarked(history, runId, limit);
  const turn = turnAfter(history.messages, start);
  const isLatest = start + turn.length + 1 === history.messages.length;
  const isAtWork = isLatest && isSessionAtWork(history);
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
  const recoveryMark = recovery === undefined ? undefined : toMark(recovery);
  const recoveryRunId = recoveryMark?.endsWith(userMarker) ? recoveryMark.slice(0, -userMarker.length) : null;
  if (recoveryRunId !== null) return { kind: "recovering", runId: recoveryRunId };
  if (isAtWork || (isLatest && history.sessionInfo?.abortedLastRun === true)) return { kind: "open" };
  return { kind: "dropped" };
}

function matchUnmarked(history: ChatHistory, runId: string, limit: number): RunInHistory {
  const pending = history.pendingInputs?.items.find((item) => item.runId === runId);
  if (pending !== undefined) return { kind: "pending", isInterrupted: pending.state === "interrupted" };
  if (history.sessionInfo?.activeRunIds?.includes(runId) === true) return { kind: "open" };
  if (isWhole(history, limit)) return { kind: "absent" };
  return { kind: "unknown", isAtWork: isSessionAtWork(history) };
}

/** Rows after which the history begins anew. */
const boundaryKinds: ReadonlySet<string | undefined> = new Set(["compaction", "reset"]);

/** It may hide our message: a boundary, or a message too large for the history, which may come without its mark. */
function mayHide(message: HistoryMessage): boolean {
  const isCut = message.role === "user" && message.__openclaw?.truncated === true;
  return boundaryKinds.has(message.__openclaw?.kind) || (isCut && toMark(message) === undefined);
}

/** Whether these are all messages of the session, and all that wait: only then a missing one was never there. */
function isWhole({ messages, hasMore, pendingInputs }: ChatHistory, limit: number): boolean {
  // A gateway that does not say so may have left some out.
  if (hasMore ?? messages.length > 0) return false;
  if (messages.length >= limit) return false;
  if (messages.some(mayHide)) return false;
  const waiting = pendingInputs?.items.length ?? 0;
  return (pendingInputs?.total ?? waiting) <= waiting;
}

function isSessionAtWork({ sessionInfo }: ChatHistory): boolean {
  return sessionInfo?.hasActiveRun === true || sessionInfo?.status === "running";
}

/** What ties a message to the run that it began; one too large for the history keeps it elsewhere. */
function toMark(message: HistoryMessage): string | undefined {
  return message.idempotencyKey ?? message.__openclaw?.idempotencyKey;
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
