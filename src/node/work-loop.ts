import type { Clock } from "../platform/clock.ts";
import type { Deadlines } from "../platform/deadlines.ts";
import type { Log } from "../platform/log.ts";
import type { ScheduleTurn } from "../platform/loop-turn.ts";
import { type AttemptKey, type MeshId, toAttemptKey } from "../protocol/ids.ts";
import { toIsoTime } from "../protocol/iso-time.ts";
import type {
  AckFrame,
  AttemptRef,
  CancelFrame,
  HelloFrame,
  OfferFrame,
  WelcomeFrame,
} from "../protocol/link/v1/frames.ts";
import type { RunOutcome, StopReason } from "../runtimes/runtime.ts";
import { type AttemptRun, type AttemptRunDeps, reattachRun, startRun } from "./attempt-run.ts";
import { createChunkSender } from "./chunk-sender.ts";
import { createDisownedAttempts } from "./disowned-attempts.ts";
import type { Journal } from "./journal.ts";
import { type Accepted, createOfferIntake } from "./offer-intake.ts";
import { createOutcomeSender, type FrameLink } from "./outcome-sender.ts";
import type { RuntimeWatch } from "./runtime-watch.ts";

export interface WorkLoopDeps {
  readonly journal: Journal;
  readonly link: FrameLink;
  readonly watch: Pick<RuntimeWatch, "slots" | "pick" | "find" | "occupy">;
  readonly meshId: MeshId;
  /** The operator's limit for one run; null: only the task's own. */
  readonly maxRunMs: number | null;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly scheduleTurn: ScheduleTurn;
  readonly log: Log;
  /** Attempts began or stopped waiting for their gateway: worth a status frame. */
  readonly onRecoveringChanged: () => void;
  /** Nothing runs any more. */
  readonly onIdle: () => void;
}

/**
 * What a node does with attempts: offer → journal → `started` → runtime → journal → outcome → ack. Only the coordinator
 * starts anything; without a link running attempts go on, and their outcomes wait in the journal.
 */
export interface WorkLoop {
  /** Takes up what a former process of this node left unfinished. Before the first hello. */
  readonly reattach: () => void;
  readonly takeOffers: (offers: readonly OfferFrame[]) => void;
  readonly cancel: (frame: CancelFrame) => void;
  readonly acknowledge: (frame: AckFrame) => void;
  /** What hello says of attempts. */
  readonly summary: () => Pick<HelloFrame, "running" | "unacknowledged" | "draining">;
  /** A new link is up: stream again, report what is lost, send outcomes that wait. */
  readonly resume: (refs: WelcomeFrame["resume"]) => void;
  readonly linkLost: () => void;
  readonly inFlight: () => number;
  readonly recovering: () => readonly AttemptRef[];
  /** Refuses all offers, or no longer. */
  readonly setDraining: (isDraining: boolean) => void;
  /** Asks every run to stop. */
  readonly stopAll: (reason: StopReason) => void;
}

export function createWorkLoop(deps: WorkLoopDeps): WorkLoop {
  const { journal, link, watch, clock, log } = deps;
  const runs = new Map<AttemptKey, AttemptRun>();
  /** Running attempts that no coordinator knows: their outcome is for nobody. */
  const orphans = new Set<AttemptKey>();
  /** Of what a journal that is not complete does not hold: told as lost, and not yet acknowledged. */
  const unproven = new Set<AttemptKey>();
  const onFault = (error: unknown) => log.error("what a run said could not be sent", { error });
  const chunks = createChunkSender({ link, scheduleTurn: deps.scheduleTurn, onFault });
  const outcomes = createOutcomeSender({ link, loadOutcome: journal.loadOutcome, onFault });
  const disowned = createDisownedAttempts(link);

  const settled = (run: AttemptRun, outcome: RunOutcome) => {
    runs.delete(run.key);
    chunks.drop(run);
    if (orphans.delete(run.key)) journal.forget(run.key);
    else journal.finish(run.key, outcome, () => outcomes.send(run.key, run.ref, outcome));
    if (runs.size === 0) deps.onIdle();
  };

  const runDeps = ({ key, offer, runtime, leave }: Accepted): AttemptRunDeps => ({
    key,
    offer,
    startedAtMs: clock.nowMs(),
    runtime,
    meshId: deps.meshId,
    maxRunMs: deps.maxRunMs,
    clock,
    deadlines: deps.deadlines,
    onText: chunks.mark,
    onRecovering: deps.onRecoveringChanged,
    onSettled: (run, outcome) => {
      leave();
      settled(run, outcome);
    },
    onFault: (error) => log.error("runtime adapter failed", { attempt: key, runtime: runtime.kind, error }),
  });

  /** A repeated offer is answered from the journal. @returns false when the attempt is new */
  const answerRepeated = (key: AttemptKey, offer: OfferFrame): boolean => {
    const run = runs.get(key);
    if (run !== undefined) {
      link.send({ type: "started", ...run.ref, runtime: run.runtime });
      run.text.resumeFrom(0);
      chunks.mark(run);
      return true;
    }
    if (journal.state(key) === null) return false;
    // An outcome that is still on its way into the journal is sent when it is there.
    const outcome = journal.loadOutcome(key);
    if (outcome !== null) outcomes.send(key, { task: offer.task, attempt: offer.attempt }, outcome);
    return true;
  };

  const intake = createOfferIntake({
    journal,
    link,
    disowned,
    watch,
    inFlight: () => runs.size,
    log,
    answerRepeated,
    run: (accepted) => runs.set(accepted.key, startRun(runDeps(accepted))),
  });

  /** Takes up one attempt that a former process left; where that cannot be, its outcome says so. */
  const reattach = (key: AttemptKey) => {
    const lost = (reason: string) =>
      journal.finish(key, { kind: "lost", started: true, fenced: false, reason }, () => {});
    const entry = journal.loadOffer(key);
    if (entry === null)
      return lost("the node agent was restarted during the run and cannot read its journal");
    const { offer, startedAtMs } = entry;
    const runtime = watch.find(offer.runtime ?? null);
    if (runtime === null) {
      return lost("the node agent was restarted during the run, without the runtime that had it");
    }
    const accepted = { key, offer, runtime, leave: watch.occupy(runtime) };
    runs.set(key, reattachRun({ ...runDeps(accepted), startedAtMs }));
  };

  return {
    reattach: () => {
      for (const key of journal.running()) reattach(key);
    },
    takeOffers: intake.take,
    cancel: (frame) => runs.get(toAttemptKey(frame.task, frame.attempt))?.stop(frame.reason),
    acknowledge: (frame) => {
      const key = toAttemptKey(frame.task, frame.attempt);
      if (unproven.delete(key) && unproven.size === 0) journal.settle();
      const run = runs.get(key);
      if (run === undefined) {
        journal.forget(key);
        return;
      }
      if (frame.unknown !== true) return;
      orphans.add(key);
      run.stop("superseded");
    },
    summary: () => {
      journal.flush();
      return {
        running: [...runs.values()].map((run) => ({
          ...run.ref,
          offset: run.text.length(),
          started_at: toIsoTime(run.startedAtMs),
          runtime: run.runtime,
        })),
        unacknowledged: [...journal.unacknowledged()],
        ...(intake.isDraining() ? { draining: true } : {}),
      };
    },
    resume: (refs) => {
      const isComplete = journal.isComplete();
      unproven.clear();
      for (const ref of refs) {
        const key = toAttemptKey(ref.task, ref.attempt);
        const run = runs.get(key);
        if (run !== undefined) {
          run.text.resumeFrom(ref.offset);
          if (run.text.isDirty()) chunks.mark(run);
        } else if (journal.state(key) === null) {
          if (!isComplete) unproven.add(key);
          if (isComplete) disowned.lose(ref, false, "the node never started it");
          else disowned.lose(ref, true, "the node's journal, or the end of it, was lost");
        }
      }
      if (unproven.size === 0) journal.settle();
      outcomes.resend(
        journal.unacknowledged().map((ref) => ({ key: toAttemptKey(ref.task, ref.attempt), ref })),
      );
    },
    linkLost: () => outcomes.interrupt(),
    inFlight: () => runs.size,
    recovering: () => [...runs.values()].filter((run) => run.isRecovering()).map((run) => run.ref),
    setDraining: intake.setDraining,
    stopAll: (reason) => {
      for (const run of [...runs.values()]) run.stop(reason);
    },
  };
}
