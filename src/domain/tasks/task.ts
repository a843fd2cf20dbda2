import type { Requirements, RuntimeKind } from "../../protocol/capability.ts";
import type { Decision } from "../../protocol/decision.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { AttemptNumber, NodeId, TaskId } from "../../protocol/ids.ts";
import type { Effects } from "../../protocol/message.ts";
import type { Labels } from "../../protocol/rule.ts";
import type { AttemptState, TaskState } from "../../protocol/task.ts";
import type { RetryPolicy } from "./retry-policy.ts";

/** One try of a task on one node. */
export interface Attempt {
  readonly number: AttemptNumber;
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly state: AttemptState;
  readonly offeredAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
  readonly failure: Failure | null;
  /** A report that came after the task had moved on. */
  readonly isLateResult: boolean;
  /** Which of the node's runtimes has it; absent while that is not known. */
  readonly runtime?: RuntimeKind | undefined;
}

/** What a message is once it has been accepted; the part that never changes. */
export interface TaskMessage {
  readonly id: TaskId;
  /** Id of the token that submitted it; a `send` token sees only its own tasks. */
  readonly subject: string;
  readonly content: string;
  readonly source: string;
  readonly session: string | null;
  readonly requires: Requirements;
  readonly labels: Labels;
  /** Node or group the sender named. */
  readonly target: string | null;
  readonly effects: Effects;
  readonly infer: boolean;
  /** Of a synchronous message from its acceptance, of a queued one from the first offer that a node takes. */
  readonly timeoutMs: number;
  readonly createdAtMs: number;
  /** Its sender waits for the answer: it ends when no node fits, and when its sender goes away without a key. */
  readonly isSynchronous: boolean;
  /** 0 to 9, 9 first. */
  readonly priority: number;
  /** Epoch; not offered before. */
  readonly notBeforeMs: number | null;
  /** Epoch; ends `expired` when it is queued then. */
  readonly expiresAtMs: number | null;
  readonly retry: RetryPolicy;
  /** The text is another owner's. */
  readonly isUntrusted: boolean;
  /** Names of groups whose nodes its sender may use; null: all nodes. */
  readonly allowedGroups: readonly string[] | null;
  /** Where it was sent from; null: this machine. */
  readonly address: string | null;
  /** The ended task that this one runs again. */
  readonly retryOf: TaskId | null;
  readonly idempotencyKey: string | null;
  /** SHA-256 of the request body; with the key it tells a repeat from a conflict. null without a key. */
  readonly bodyHash: string | null;
}

/**
 * Whose conversations a message can take part in. What is untrusted has its own: with the same subject and session name
 * it neither reads what was said in trust nor adds to it, and does not choose the node of that conversation.
 */
export function conversationOwner({
  subject,
  isUntrusted,
}: Pick<TaskMessage, "subject" | "isUntrusted">): string {
  return isUntrusted ? `${subject}#untrusted` : subject;
}

/** The durable record of a message and what became of it. */
export interface Task {
  readonly message: TaskMessage;
  readonly state: TaskState;
  readonly cancelRequestedAtMs: number | null;
  readonly endedAtMs: number | null;
  /** Node of the current or last attempt. */
  readonly nodeId: NodeId | null;
  readonly response: string | null;
  readonly failure: Failure | null;
  readonly decision: Decision | null;
  readonly attempts: readonly Attempt[];
  /** The task that runs this ended one again. */
  readonly retriedAs: TaskId | null;
  /** When it was taken off the dead letters. */
  readonly discardedAtMs: number | null;
}

/** A message that has just come in. */
export function newTask(message: TaskMessage): Task {
  return {
    message,
    state: "queued",
    cancelRequestedAtMs: null,
    endedAtMs: null,
    nodeId: null,
    response: null,
    failure: null,
    decision: null,
    attempts: [],
    retriedAs: null,
    discardedAtMs: null,
  };
}

/** What changes in one transition of a task. Fields left out stay as they are. */
export interface TaskChange {
  readonly state?: TaskState;
  readonly cancelRequestedAtMs?: number;
  readonly endedAtMs?: number;
  readonly nodeId?: NodeId;
  readonly response?: string;
  readonly failure?: Failure;
  readonly decision?: Decision;
  /** New or changed attempts; the others stay. */
  readonly attempts?: readonly Attempt[];
}
