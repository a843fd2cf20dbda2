import { bothAllow } from "../../domain/routing/index.ts";
import { toRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import { fromIsoTime, toIsoTime } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskId } from "../../protocol/ids.ts";
import {
  defaultPriority,
  defaultTimeoutS,
  type MessageInput,
  type RetryEdit,
  type TaskInput,
} from "../../protocol/message.ts";
import type { Principal } from "../auth/principal.ts";
import { isOwnAddress } from "../http/client-key.ts";

/** Characters of an Idempotency-Key. */
const maxKeyLength = 256;

const yearMs = 366 * 24 * 3600 * 1000;

/** How far away `not_before` may be, ahead or past. */
const maxDelayMs = yearMs;

/** How far ahead `expires_at` may be. */
const maxExpiryMs = 10 * yearMs;

/** What makes a task of a message. */
interface Made {
  readonly id: TaskId;
  readonly nowMs: number;
}

/** Who submits a message, as far as its task record says it. */
export type Sender = Pick<Principal, "subject" | "groups" | "isUntrusted"> & {
  /** null: this machine. */
  readonly address: string | null;
};

/** @param address where the request came from; null: nobody says */
export function toSender({ subject, groups, isUntrusted }: Principal, address: string | null): Sender {
  return {
    subject,
    groups,
    isUntrusted,
    address: address !== null && isOwnAddress(address) ? null : address,
  };
}

/** A request that submits a message, without its meaning. */
interface Submission {
  readonly sender: Sender;
  readonly headers: Headers;
  /** The body as it was sent: with the key it tells a repeat from a conflict. */
  readonly bodyText: string;
}

/** A message whose sender waits. Throws BODY_INVALID for a bad key. */
export function toSynchronousMessage(
  input: MessageInput & { readonly target: string | null },
  from: Submission,
  made: Made,
): TaskMessage {
  return {
    ...toMessage(input, from, made),
    ...keyOf(from, input.target ?? ""),
    target: input.target,
    isSynchronous: true,
    notBeforeMs: null,
    expiresAtMs: null,
  };
}

/** A message that is queued. Its times are not checked yet: see {@link timesProblem}. Throws BODY_INVALID for a bad key. */
export function toQueuedMessage(input: TaskInput, from: Submission, made: Made): TaskMessage {
  return {
    ...toMessage(input, from, made),
    // The same body and key at another route are another request. A space is in no node's name.
    ...keyOf(from, "POST /tasks"),
    target: input.target ?? null,
    isSynchronous: false,
    notBeforeMs: toEpochMs(input.not_before),
    expiresAtMs: toEpochMs(input.expires_at),
  };
}

/** The message of an ended task once more. Its former times do not bind it; the label and the limit of its sender do. */
export function toRetryMessage(
  original: TaskMessage,
  { edit, by }: { readonly edit: RetryEdit; readonly by: Pick<Principal, "groups" | "isUntrusted"> },
  made: Made,
): TaskMessage {
  return {
    ...original,
    id: made.id,
    isUntrusted: original.isUntrusted || by.isUntrusted,
    allowedGroups: bothAllow(original.allowedGroups, by.groups),
    content: edit.content ?? original.content,
    target: edit.target === undefined ? original.target : edit.target,
    requires: edit.requires ?? original.requires,
    labels: edit.labels ?? original.labels,
    session: edit.session === undefined ? original.session : edit.session,
    timeoutMs: edit.timeout_s === undefined ? original.timeoutMs : toTimeoutMs(edit.timeout_s),
    effects: edit.effects ?? original.effects,
    priority: edit.priority ?? original.priority,
    retry: edit.retry === undefined ? original.retry : toRetryPolicy(edit.retry),
    createdAtMs: made.nowMs,
    isSynchronous: false,
    notBeforeMs: toEpochMs(edit.not_before),
    expiresAtMs: toEpochMs(edit.expires_at),
    retryOf: original.id,
    idempotencyKey: null,
    bodyHash: null,
  };
}

/** What is wrong with the times of a queued message, in words; null: nothing. */
export function timesProblem(
  { notBeforeMs, expiresAtMs }: Pick<TaskMessage, "notBeforeMs" | "expiresAtMs">,
  nowMs: number,
): string | null {
  if (notBeforeMs !== null && notBeforeMs > nowMs + maxDelayMs)
    return "not_before is more than a year ahead.";
  if (notBeforeMs !== null && notBeforeMs < nowMs - maxDelayMs) return "not_before is more than a year past.";
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    return `expires_at is in the past: here it is ${toIsoTime(nowMs)}.`;
  }
  if (expiresAtMs !== null && expiresAtMs > nowMs + maxExpiryMs) {
    return "expires_at is more than ten years ahead.";
  }
  if (notBeforeMs !== null && expiresAtMs !== null && notBeforeMs >= expiresAtMs) {
    return "expires_at must come after not_before.";
  }
  return null;
}

/** Throws BODY_INVALID when a queued message could never run, or only in more than a year. */
export function assertTimes(message: Pick<TaskMessage, "notBeforeMs" | "expiresAtMs">, nowMs: number): void {
  const problem = timesProblem(message, nowMs);
  if (problem !== null) throw new MeshError("BODY_INVALID", problem);
}

type CommonPart = Omit<
  TaskMessage,
  "target" | "isSynchronous" | "notBeforeMs" | "expiresAtMs" | "idempotencyKey" | "bodyHash"
>;

function toMessage(input: MessageInput, { sender }: Submission, { id, nowMs }: Made): CommonPart {
  return {
    id,
    subject: sender.subject,
    content: input.content,
    source: input.source,
    session: input.session ?? null,
    requires: input.requires ?? {},
    labels: input.labels ?? {},
    effects: input.effects ?? "unsafe",
    infer: input.infer ?? true,
    timeoutMs: toTimeoutMs(input.timeout_s ?? defaultTimeoutS),
    createdAtMs: nowMs,
    priority: input.priority ?? defaultPriority,
    retry: toRetryPolicy(input.retry),
    isUntrusted: sender.isUntrusted || input.untrusted === true,
    allowedGroups: sender.groups,
    address: sender.address,
    retryOf: null,
  };
}

function keyOf(
  { headers, bodyText }: Submission,
  place: string,
): Pick<TaskMessage, "idempotencyKey" | "bodyHash"> {
  const key = headers.get("idempotency-key");
  if (key === null) return { idempotencyKey: null, bodyHash: null };
  if (key === "" || key.length > maxKeyLength) {
    throw new MeshError("BODY_INVALID", `Idempotency-Key must have 1 to ${maxKeyLength} characters.`);
  }
  return { idempotencyKey: key, bodyHash: sha256Hex(`${place}\n${bodyText}`) };
}

function toTimeoutMs(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1000));
}

/** The schema has read it: it is a time. */
function toEpochMs(time: string | undefined): number | null {
  return time === undefined ? null : fromIsoTime(time);
}
