import type { Attempt, Task } from "../../domain/tasks/task.ts";
import { applyChange, currentAttempt } from "../../domain/tasks/task-machine.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { Log } from "../../platform/log.ts";
import type { Failure } from "../../protocol/failure.ts";
import {
  type AttemptRef,
  type CancelledFrame,
  type ChunkFrame,
  closeCodes,
  type FailedFrame,
  type HelloFrame,
  type LostFrame,
  type RefuseFrame,
  type ResultFrame,
  type StartedFrame,
} from "../../protocol/link/v1/frames.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { LinkToNode, MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import { type LiveTask, latestTask, notify } from "../tasks/live-task.ts";
import type { TaskEngine } from "../tasks/task-engine.ts";
import type { AckQueue } from "./ack-queue.ts";
import { createArrivingAnswers, maxArrivingBytes } from "./arriving-answers.ts";
import { createHandovers, isOnRecord } from "./handovers.ts";
import { toReportedFailure } from "./reported-failure.ts";

/**
 * `isUnbegun`: nothing of it was begun, although the attempt counts as started, as one does whose offer is itself the
 * call to the node. A link never says so: there `refuse` after `started` means that the run is gone.
 */
export type Refusal = RefuseFrame & { readonly isUnbegun?: true };

/** What a node says about one attempt. */
export type AttemptFrame =
  | Refusal
  | StartedFrame
  | ChunkFrame
  | ResultFrame
  | FailedFrame
  | CancelledFrame
  | LostFrame;

interface ReportOptions {
  readonly engine: TaskEngine;
  readonly store: TaskStore;
  readonly registry: NodeRegistry;
  readonly acks: AckQueue;
  readonly events: MeshEventEmitter;
  readonly log: Log;
  /** A lower limit for tests. */
  readonly maxArrivingBytes?: number;
}

/** Reports of one link that are being looked up at a time, and UTF-16 code units of them: a full journal is less. */
const maxLateReports = 20_000;
const maxLateLength = 64 * 1024 * 1024;

/** A frame about the current attempt of a task, and over which link it came. */
interface Report {
  readonly live: LiveTask;
  readonly node: MeshNode;
  readonly link: LinkToNode;
}

/** Takes the nodes' frames about attempts to the task engine. A node is heard only about its own attempts. */
export interface AttemptReports {
  /** A node is let in, with this of former links: before its welcome is sent. */
  readonly expect: (
    node: MeshNode,
    link: LinkToNode,
    hello: Pick<HelloFrame, "running" | "unacknowledged">,
  ) => void;
  readonly take: (node: MeshNode, link: LinkToNode, frame: AttemptFrame) => void;
}

export function createAttemptReports(options: ReportOptions): AttemptReports {
  const { engine, store, registry, acks, events, log } = options;
  const arriving = createArrivingAnswers(engine.onNode, options.maxArrivingBytes);
  const handovers = createHandovers({ find: findAttempt, acks, log });

  function take(node: MeshNode, link: LinkToNode, frame: AttemptFrame): void {
    const live = engine.find(frame.task);
    const current = live === null ? null : currentAttempt(latestTask(live));
    if (live === null || current === null || current.number !== frame.attempt || current.nodeId !== node.id) {
      const length = frame.type === "chunk" ? frame.text.length : 0;
      link.countUseless(length > 0 && handovers.takeText(link, frame, length) ? 0 : length);
      if (isOutcome(frame)) queueLate(node, link, frame);
      return;
    }
    switch (frame.type) {
      case "started":
        if (current.state === "started") link.countUseless(0);
        else engine.begin(live, frame.attempt, frame.runtime);
        return;
      case "chunk":
        takeChunk({ live, node, link }, frame);
        return;
      case "refuse":
        takeRefusal(live, node, frame);
        return;
      case "result":
        settle(live, link, takeAnswer(live, frame));
        return;
      case "failed":
        settle(live, link, {
          kind: "failed",
          attempt: frame.attempt,
          failure: toReportedFailure(frame.failure),
        });
        return;
      case "cancelled":
        settle(live, link, { kind: "stopped", attempt: frame.attempt });
        return;
      case "lost":
        settle(live, link, {
          kind: "lost",
          attempt: frame.attempt,
          started: frame.started,
          fenced: frame.fenced,
          reason: frame.reason,
        });
        return;
      default:
        frame satisfies never;
    }
  }

  const lateOf = new WeakMap<LinkToNode, { count: number; length: number }>();

  /** One look-up of a report that is not of a current attempt; a link that sends more than any journal holds is closed. */
  function queueLate(node: MeshNode, link: LinkToNode, frame: AttemptFrame): void {
    const late = lateOf.get(link) ?? { count: 0, length: 0 };
    lateOf.set(link, late);
    const length = frame.type === "result" ? (frame.text ?? "").length : 0;
    if (late.count >= maxLateReports || late.length + length > maxLateLength) {
      log.warn("a node reports too many attempts that are not its own", { node: node.id });
      link.close(closeCodes.protocolError, "too many reports of other attempts");
      return;
    }
    late.count += 1;
    late.length += length;
    takeLate(node, link, frame)
      .catch((error: unknown) => {
        // Not acknowledged: the node reports it again when it reconnects.
        log.warn("late report not stored", { task: frame.task, node: node.id, error: String(error) });
      })
      .finally(() => {
        late.count -= 1;
        late.length -= length;
      });
  }

  type Outcome = Parameters<TaskEngine["report"]>[1] & { readonly attempt: number };

  function settle(live: LiveTask, link: LinkToNode, event: Outcome): void {
    const ref: AttemptRef = { task: live.id, attempt: event.attempt };
    void engine.report(live, event).then((isTaken) => {
      if (isTaken) acks.add(link, ref);
    });
  }

  function takeRefusal(live: LiveTask, node: MeshNode, frame: Refusal): void {
    const { wantedRuntime } = live;
    if (frame.reason === "full") live.fullRefusals += 1;
    else if (frame.reason === "not_ready" && wantedRuntime !== null)
      registry.setRuntimeNotReady(node, wantedRuntime, frame.message);
    else if (frame.reason !== "no_such_runtime") registry.setNotReady(node, frame.message);
    const { attempt, message } = frame;
    void engine.report(
      live,
      frame.isUnbegun === true
        ? { kind: "failed", attempt, failure: { class: "refused", message } }
        : { kind: "refused", attempt, message },
    );
  }

  function takePart(report: Report, frame: ChunkFrame): void {
    const { live, node, link } = report;
    const taken = arriving.take(node, live, frame);
    if (taken === "useless") link.countUseless(0);
    if (taken !== "too_much") return;
    log.warn("a node sends more long answers at once than are kept", { node: node.id, task: live.id });
    const message = `The node has more than ${maxArrivingBytes / 2 ** 20} MiB of unfinished answers on the way.`;
    settle(live, link, { kind: "failed", attempt: frame.attempt, failure: { class: "too_large", message } });
  }

  function takeChunk(report: Report, frame: ChunkFrame): void {
    const { live, link } = report;
    if (frame.final === true) {
      takePart(report, frame);
      return;
    }
    const { length } = live.preview;
    // Text that begins again is rare in a run; nothing is nothing.
    if (frame.offset < length() || frame.text === "") link.countUseless(0);
    if (frame.offset === length() && frame.text === "") return;
    live.preview.append(frame.offset, frame.text);
    notify(live);
  }

  function takeAnswer(live: LiveTask, frame: ResultFrame): Outcome {
    const { attempt, length } = frame;
    if (length > maxAnswerBytes) {
      const message = `The answer has more than ${maxAnswerBytes / 1024 / 1024} MiB.`;
      return { kind: "failed", attempt, failure: { class: "too_large", message } };
    }
    const text = readAnswer(live, frame);
    if (text?.length === length) return { kind: "succeeded", attempt, text };
    log.error("an answer arrived damaged", { task: live.id, attempt });
    const failure: Failure = {
      class: "runtime_error",
      kind: "internal",
      message: "The answer arrived damaged: its length or checksum does not match.",
    };
    return { kind: "failed", attempt, failure };
  }

  /** An outcome for a task that has ended or moved on: kept in the history of its own attempt, never the result. */
  async function takeLate(node: MeshNode, link: LinkToNode, frame: AttemptFrame): Promise<void> {
    const found = await findAttempt(node, frame);
    if (found === null) {
      link.send({ type: "ack", task: frame.task, attempt: frame.attempt, unknown: true });
      return;
    }
    const { live, task, attempt } = found;
    if (isNews(frame, attempt, task)) {
      const late: Attempt = { ...attempt, isLateResult: true };
      await store.recordLate(frame.task, late);
      if (live !== null) live.task = applyChange(live.task, { attempts: [late] });
      events.emit("attempt.late", { taskId: frame.task, attempt: frame.attempt, nodeId: node.id });
    }
    acks.add(link, { task: frame.task, attempt: frame.attempt });
  }

  async function findAttempt(node: MeshNode, ref: AttemptRef) {
    // What the node is told to forget has to be on record: the first report of this outcome may still wait for the disk.
    await engine.settled(ref.task);
    const live = engine.find(ref.task);
    const task = (live === null ? null : latestTask(live)) ?? (await store.get(ref.task));
    const attempt = task?.attempts.find((one) => one.number === ref.attempt && one.nodeId === node.id);
    return task === null || attempt === undefined ? null : { live, task, attempt };
  }

  return {
    expect: handovers.begin,
    take: (node, link, frame) => {
      try {
        take(node, link, frame);
      } catch (error) {
        log.error("report not taken", { task: frame.task, error: String(error) });
      }
    },
  };
}

/** @returns null when the checksum does not fit, or is missing where the answer came in parts */
function readAnswer({ answerParts }: LiveTask, { text: inline, sha256 }: ResultFrame): string | null {
  if (inline !== undefined && sha256 === undefined) return inline;
  const text = inline ?? answerParts.join("");
  return sha256 === sha256Hex(text) ? text : null;
}

/**
 * Whether a late report says something that the record does not: an answer where there is none, or how an attempt ended
 * that counts as lost. A repeat says nothing, nor does the end of a run that the coordinator has stopped.
 */
function isNews(frame: AttemptFrame, attempt: Attempt, task: Task): boolean {
  if (isOnRecord(attempt, task)) return false;
  return frame.type === "failed" ? attempt.state === "lost" : frame.type === "result";
}

function isOutcome(frame: AttemptFrame): boolean {
  return (
    frame.type === "result" || frame.type === "failed" || frame.type === "cancelled" || frame.type === "lost"
  );
}
