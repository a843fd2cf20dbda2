import type { Task } from "../../domain/tasks/task.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import type { AttemptNumber, NodeId, TaskId } from "../../protocol/ids.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import { createPreviewText, type PreviewText } from "./preview-text.ts";

/** Monotonic times of one message, for its headers and the metrics; 0: not yet. */
export interface TaskTimes {
  acceptedMs: number;
  /** Of the current attempt. */
  offeredMs: number;
  answeredMs: number;
}

/** A task that has not ended, and what this process knows of it beyond the record. Only the task engine changes it. */
export interface LiveTask {
  readonly id: TaskId;
  /** What may be told of it. */
  task: Task;
  /** Its end as it was decided here, until that is on record: `task` shows it only then. null: there is none. */
  ending: Task | null;
  /** Where the current attempt holds a slot. */
  node: MeshNode | null;
  /** The runtime that this slot is counted for; null: there is none, or it is not known which one. */
  runtime: RuntimeKind | null;
  /** The runtime that the current attempt has to be given to, by its sender or its rule; null: any. */
  wantedRuntime: RuntimeKind | null;
  /** Under which node it is found; kept by tasks-by-node.ts. */
  placedOn: NodeId | null;
  /** Nodes that refused or surely never started it, until they are to be asked again. */
  readonly passedOver: Set<NodeId>;
  /** The node whose attempt failed last: it is tried again only when no other fits. */
  avoid: NodeId | null;
  /** Monotonic: since when it waits for a node; null while it does not. */
  waitingSinceMs: number | null;
  /** Its place in the order of those that wait, kept from its first wait on; `atMs` is monotonic. null: it never waited. */
  arrival: { readonly number: number; readonly atMs: number } | null;
  /** In whose share of the room it waits: who sent it, or ran it again. */
  readonly placeOf: string;
  /** It counts as one of those that wait, or will when its commit is done. */
  hasPlace: boolean;
  /** Its first commit is under way, and then it waits: because no node can take it, or behind those who came before. */
  comingIn: "unserved" | "behind" | null;
  /** Monotonic; until then it is not given up while nodes that could serve it are away. null: it has no such patience. */
  patientUntilMs: number | null;
  /** Of a queued task that was refused; monotonic. null: whoever refused it may be asked now. */
  askAgain: { readonly fromMs: number; readonly byMs: number } | null;
  /** How often a node said that it was full although it had a free slot by our count, since one took it. */
  fullRefusals: number;
  /** The newest attempt whose offer was handed to a link; 0: none. Before that a node cannot have heard of it. */
  writtenAttempt: AttemptNumber | 0;
  /** Attempts on record when this process took it up; null: it was accepted by this process, which knows all of them. */
  attemptsOnRestart: number | null;
  /** The node has lost the gateway that runs the current attempt, and waits for it to come back. */
  isRecovering: boolean;
  /** The decision that put it where it is now bound its conversation to that node. */
  hasBoundSession: boolean;
  readonly preview: PreviewText;
  /** Final chunks of the answer that is arriving. */
  answerParts: string[];
  answerLength: number;
  readonly times: TaskTimes;
  /** Called whenever there is more to read or the task has moved. */
  readonly listeners: Set<() => void>;
  /** Resolves with the terminal task after its commit. */
  readonly ended: PromiseWithResolvers<Task>;
  /** Its time has begun to run. */
  isBounded: boolean;
  forgetTimeout: () => void;
  forgetExpiry: () => void;
  /** Of the grace, a delayed start or retry or an unconfirmed cancel: never more than one is wanted at a time. */
  forgetTimer: () => void;
}

function nothingToForget(): void {}

/** @param placeOf the subject in whose share it waits */
export function createLiveTask(
  task: Task,
  acceptedMs: number,
  placeOf: string = task.message.subject,
): LiveTask {
  const ended = Promise.withResolvers<Task>();
  // A failure to commit reaches those who wait; with nobody waiting it is not an unhandled rejection.
  ended.promise.catch(nothingToForget);
  return {
    id: task.message.id,
    task,
    ending: null,
    node: null,
    runtime: null,
    wantedRuntime: null,
    placedOn: null,
    passedOver: new Set(),
    avoid: null,
    waitingSinceMs: null,
    arrival: null,
    placeOf,
    hasPlace: false,
    comingIn: null,
    patientUntilMs: null,
    askAgain: null,
    fullRefusals: 0,
    writtenAttempt: 0,
    attemptsOnRestart: null,
    isRecovering: false,
    hasBoundSession: false,
    preview: createPreviewText(),
    answerParts: [],
    answerLength: 0,
    times: { acceptedMs, offeredMs: 0, answeredMs: 0 },
    listeners: new Set(),
    ended,
    isBounded: false,
    forgetTimeout: nothingToForget,
    forgetExpiry: nothingToForget,
    forgetTimer: nothingToForget,
  };
}

/** With an end that is not on record yet: for what happens to it next, not for telling anybody. */
export function latestTask(live: LiveTask): Task {
  return live.ending ?? live.task;
}

export function setTimer(live: LiveTask, forget: () => void): void {
  live.forgetTimer();
  live.forgetTimer = forget;
}

export function notify(live: LiveTask): void {
  for (const listener of live.listeners) listener();
}
