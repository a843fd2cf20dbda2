import type { RouteDecision } from "../../domain/routing/index.ts";
import type { Attempt } from "../../domain/tasks/task.ts";
import { currentAttempt, isTerminal, type TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { AttemptSender } from "./attempt-sender.ts";
import { type LiveTask, latestTask, notify } from "./live-task.ts";
import type { Placement } from "./placement.ts";
import type { TaskTimers } from "./task-timers.ts";

/** Brings tasks that have no attempt to a node, or lets them wait. */
export interface Offering {
  /** Decides anew. Without effect on a task that has ended or is on a node. */
  readonly route: (one: LiveTask) => void;
  /** Its time has come: it gets in line behind those who wait already. */
  readonly join: (one: LiveTask) => void;
  /** Writes the current attempt, which is on record now, to its node. */
  readonly sendOffer: (one: LiveTask) => void;
}

interface OfferingOptions {
  readonly placement: Placement;
  readonly sender: AttemptSender;
  readonly timers: TaskTimers;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly log: Log;
  /** The process is about to stop: queued tasks stay for the next one. */
  readonly isStopping: () => boolean;
  readonly report: (one: LiveTask, event: TaskEvent) => Promise<boolean>;
}

/** After a fault in deciding a task it is decided again so much later. */
export const faultPauseMs = 10_000;

/** What the clock on the wall says about a task that has no attempt. */
export function stageOf(
  { notBeforeMs, expiresAtMs }: { readonly notBeforeMs: number | null; readonly expiresAtMs: number | null },
  nowMs: number,
): "early" | "due" | "expired" {
  if (expiresAtMs !== null && expiresAtMs <= nowMs) return "expired";
  return notBeforeMs !== null && notBeforeMs > nowMs ? "early" : "due";
}

export function createOffering(options: OfferingOptions): Offering {
  const { placement, sender, timers, events, clock, log, report } = options;

  /** A fault in one task keeps the others from nothing, and that one from going on for a while only. */
  function route(one: LiveTask): void {
    try {
      decide(one);
    } catch (error) {
      log.error("a task could not be decided", { task: one.id, error });
      if (currentAttempt(latestTask(one)) !== null) return;
      placement.release(one);
      timers.in(one, faultPauseMs, () => route(one));
    }
  }

  function decide(one: LiveTask): void {
    const latest = latestTask(one);
    if (isTerminal(latest.state) || currentAttempt(latest) !== null) return;
    const { message } = one.task;
    if (options.isStopping() && !message.isSynchronous) return;
    const stage = stageOf(message, clock.nowMs());
    if (stage === "expired") void report(one, { kind: "expired" });
    else if (stage === "early") waitForTime(one, message.notBeforeMs ?? 0);
    else place(one);
  }

  function waitForTime(one: LiveTask, notBeforeMs: number): void {
    placement.waitForTime(one, notBeforeMs);
    timers.at(one, notBeforeMs, () => join(one));
    notify(one);
  }

  function join(one: LiveTask): void {
    one.comingIn ??= "behind";
    route(one);
  }

  function place(one: LiveTask): void {
    const decided = placement.decideAgain(one);
    if (one.comingIn !== null && decided.outcome === "assigned") {
      const place = placement.lineUp(one, decided);
      if (place === "others went") settle(one, placement.decideAgain(one));
      if (place !== "no one waits") return;
    }
    settle(one, decided);
  }

  function settle(one: LiveTask, decided: RouteDecision): void {
    const waitMs = placement.waitMs(one, decided);
    if (waitMs !== null) {
      wait(one, decided, waitMs);
      return;
    }
    const event = placement.toEvent(one, decided);
    placement.leave(one, event.kind === "offered");
    if (event.kind === "offered") placement.hold(one, decided);
    void report(one, event).then((isTaken) => {
      if (event.kind !== "offered") return;
      // Never an offer that is not on record.
      if (isTaken) sendOffer(one);
      else placement.release(one);
    });
  }

  function wait(one: LiveTask, decided: RouteDecision, forMs: number): void {
    placement.wait(one, decided, forMs);
    one.forgetTimer();
    if (Number.isFinite(forMs)) timers.in(one, forMs, () => route(one));
    notify(one);
  }

  function sendOffer(one: LiveTask): void {
    const attempt = currentAttempt(latestTask(one));
    if (attempt === null) return;
    one.times.offeredMs = clock.monotonicMs();
    timers.bound(one);
    const isWanted = one.task.cancelRequestedAtMs === null && one.node !== null;
    const written = isWanted ? write(one, attempt) : "no";
    if (written === "no") {
      const reason = "The message was never written to the node's link.";
      void report(one, { kind: "lost", attempt: attempt.number, started: false, fenced: true, reason });
      return;
    }
    one.writtenAttempt = attempt.number;
    // A grace that began while the offer waited for its commit, for a link that was replaced meanwhile, is over.
    one.forgetTimer();
    // It is waited for as if it had left, and the link had been lost.
    if (written === "perhaps") void report(one, { kind: "link_lost", attempt: attempt.number });
    events.emit("task.offered", { taskId: one.id, attempt: attempt.number, nodeId: attempt.nodeId });
    notify(one);
  }

  function write(one: LiveTask, attempt: Attempt): "yes" | "no" | "perhaps" {
    try {
      return sender.offer(one, attempt) ? "yes" : "no";
    } catch (error) {
      log.error("an offer could not be written", { task: one.id, error });
      return "perhaps";
    }
  }

  return { route, join, sendOffer };
}
