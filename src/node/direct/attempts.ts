import type { Clock } from "../../platform/clock.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { Log } from "../../platform/log.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import type { DirectMessage, DirectOffer } from "../../protocol/direct.ts";
import type { AttemptKey, MeshId } from "../../protocol/ids.ts";
import type { OfferFrame } from "../../protocol/link/v1/frames.ts";
import type { RunOutcome, Runtime, StopReason } from "../../runtimes/runtime.ts";
import { type AttemptRun, startRun } from "../attempt-run.ts";
import type { PickedRuntime } from "../offer-intake.ts";
import type { RuntimeWatch } from "../runtime-watch.ts";

/** How long the outcome of an attempt is kept for repeats. */
export const keepOutcomeMs = 60 * 60_000;

/** Outcomes kept at most, and bytes of what they say; the oldest go first. */
export const maxKeptOutcomes = 1_000;
export const maxKeptBytes = 64 * 1024 * 1024;

/** Attempts that may wait for a slot. */
export const maxWaitingAttempts = 64;

/** Longest run of a message whose sender names no time: the classic coordinator's four tries of 180 s each. */
export const defaultRunLimitMs = 720_000;

/** How long a classic coordinator's message goes on when nobody waits for it: its repeat comes well before. */
export const orphanLimitMs = 5_000;

/** How an attempt ended for those who wait for it. */
export type AttemptEnd =
  | RunOutcome
  /** Not taken, and nothing of it was begun. */
  | { readonly kind: "refused"; readonly reason: "full" | "draining" | "not_ready"; readonly message: string }
  /** The id was used for another message before. */
  | { readonly kind: "conflict" };

/** The attempts of a direct node by their id: one that runs is joined by a repeat, the outcome of one that ended is told again. */
export interface DirectAttempts {
  /** `offer` null: a classic coordinator, which has no word for "full" and so has to wait for a slot. */
  readonly take: (
    message: DirectMessage,
    offer: DirectOffer | null,
    signal: AbortSignal,
  ) => Promise<AttemptEnd>;
  /** The one that has an attempt, or had it; null: none, or it is not known any more. */
  readonly runtimeOf: (id: string) => RuntimeKind | null;
  /** Running and waiting. */
  readonly inFlight: () => number;
  /** Takes nothing new. */
  readonly drain: () => void;
  readonly stopAll: (reason: StopReason) => void;
}

export interface DirectAttemptsDeps {
  /** null: of a classic coordinator. */
  readonly meshId: MeshId | null;
  readonly watch: Pick<RuntimeWatch, "pick" | "slots" | "occupy" | "onChange">;
  /** The operator's limit of one run; null: none. */
  readonly maxRunMs: number | null;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly log: Log;
  /** Something has ended. */
  readonly onIdle: () => void;
}

/** One that waits or runs. */
interface Entry {
  readonly key: AttemptKey;
  readonly digest: string;
  readonly message: DirectMessage;
  readonly offer: DirectOffer | null;
  readonly end: PromiseWithResolvers<AttemptEnd>;
  state: "waiting" | "running" | "ended";
  run: AttemptRun | null;
  /** Those who wait for its end. */
  listeners: number;
  forgetOrphan: () => void;
}

/** What is kept of one that has ended: not its message, which may be long. */
interface Kept {
  readonly digest: string;
  readonly outcome: RunOutcome;
  readonly runtime: RuntimeKind | null;
  readonly endedAtMs: number;
  readonly bytes: number;
}

export function createDirectAttempts(deps: DirectAttemptsDeps): DirectAttempts {
  const { clock, deadlines, watch, log } = deps;
  const entries = new Map<string, Entry>();
  const waiting = new Set<Entry>();
  /** In the order in which they ended. */
  const kept = new Map<string, Kept>();
  let running = 0;
  let keptBytes = 0;
  let isDraining = false;

  function pick(offer: DirectOffer | null): PickedRuntime {
    return watch.pick(offer ?? {});
  }

  function take(message: DirectMessage, offer: DirectOffer | null, signal: AbortSignal): Promise<AttemptEnd> {
    prune();
    const digest = sha256Hex(message.content);
    const known = entries.get(message.id);
    const ended = kept.get(message.id);
    if ((known ?? ended ?? { digest }).digest !== digest) return Promise.resolve({ kind: "conflict" });
    if (known !== undefined) return listen(known, signal);
    if (ended !== undefined) return Promise.resolve(ended.outcome);
    if (isDraining) return refused("draining", "the node is leaving");
    const isFull = running >= watch.slots() || isRefusedAsFull(pick(offer));
    if (isFull && (offer !== null || waiting.size >= maxWaitingAttempts)) {
      return refused("full", `all ${watch.slots()} slots are taken`);
    }
    const entry: Entry = {
      key: message.id as AttemptKey,
      digest,
      message,
      offer,
      end: Promise.withResolvers<AttemptEnd>(),
      state: "waiting",
      run: null,
      listeners: 0,
      forgetOrphan: () => {},
    };
    entries.set(message.id, entry);
    waiting.add(entry);
    const end = listen(entry, signal);
    startWaiting();
    return end;
  }

  async function listen(entry: Entry, signal: AbortSignal): Promise<AttemptEnd> {
    entry.listeners += 1;
    entry.forgetOrphan();
    let isHere = true;
    const leave = () => {
      if (!isHere) return;
      isHere = false;
      entry.listeners -= 1;
      if (entry.listeners > 0 || entry.state === "ended") return;
      // Our own coordinator never repeats: a call that it ends is one that it has given up.
      entry.forgetOrphan = deadlines.in(entry.offer === null ? orphanLimitMs : 0, () => giveUp(entry));
    };
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      return await entry.end.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Nobody wants its answer any more. */
  function giveUp(entry: Entry): void {
    if (entry.listeners > 0 || entry.state === "ended") return;
    log.info("nobody waits for the answer any more; stopping the run", { id: entry.key });
    if (entry.state === "running") entry.run?.stop("cancelled");
    else forget(entry, { kind: "cancelled" });
  }

  function startWaiting(): void {
    for (const entry of [...waiting]) {
      if (running >= watch.slots()) return;
      const picked = pick(entry.offer);
      if (isRefusedAsFull(picked)) continue;
      waiting.delete(entry);
      if (picked.kind === "picked") start(entry, picked.runtime);
      else forget(entry, { kind: "refused", reason: "not_ready", message: picked.message });
    }
  }

  function start(entry: Entry, runtime: Runtime): void {
    running += 1;
    const leave = watch.occupy(runtime);
    entry.state = "running";
    entry.run = startRun({
      key: entry.key,
      offer: toOffer(entry),
      startedAtMs: clock.nowMs(),
      runtime,
      meshId: deps.meshId,
      maxRunMs: deps.maxRunMs,
      clock,
      deadlines,
      onText: () => {},
      onRecovering: () => {},
      onSettled: (_, outcome) => {
        leave();
        settle(entry, outcome);
      },
      onFault: (error) => log.error("a runtime adapter failed", { id: entry.key, error }),
    });
  }

  function settle(entry: Entry, outcome: RunOutcome): void {
    running -= 1;
    entry.state = "ended";
    const runtime = entry.run?.runtime ?? null;
    entry.run = null;
    entry.forgetOrphan();
    entries.delete(entry.key);
    const bytes = Buffer.byteLength(JSON.stringify(outcome));
    kept.set(entry.key, { digest: entry.digest, outcome, runtime, endedAtMs: clock.monotonicMs(), bytes });
    keptBytes += bytes;
    prune();
    entry.end.resolve(outcome);
    startWaiting();
    deps.onIdle();
  }

  /** It was never begun: a repeat of it is a new one. */
  function forget(entry: Entry, end: AttemptEnd): void {
    entry.state = "ended";
    entry.forgetOrphan();
    waiting.delete(entry);
    entries.delete(entry.key);
    entry.end.resolve(end);
    deps.onIdle();
  }

  function prune(): void {
    const oldestMs = clock.monotonicMs() - keepOutcomeMs;
    for (const [id, { endedAtMs, bytes }] of kept) {
      const isTooMuch = kept.size > maxKeptOutcomes || keptBytes > maxKeptBytes;
      if (!isTooMuch && endedAtMs >= oldestMs) return;
      kept.delete(id);
      keptBytes -= bytes;
    }
  }

  // One that is ready again, or has more slots, is worth as much as a run that ends.
  watch.onChange(startWaiting);

  return {
    take,
    runtimeOf: (id) => entries.get(id)?.run?.runtime ?? kept.get(id)?.runtime ?? null,
    inFlight: () => running + waiting.size,
    drain: () => {
      isDraining = true;
    },
    stopAll: (reason) => {
      for (const entry of [...waiting]) forget(entry, { kind: "cancelled" });
      for (const entry of entries.values()) entry.run?.stop(reason);
    },
  };
}

/** It has to wait until one of its runtimes has a free slot. */
function isRefusedAsFull(picked: PickedRuntime): boolean {
  return picked.kind === "refused" && picked.reason === "full";
}

function refused(reason: "full" | "draining", message: string): Promise<AttemptEnd> {
  return Promise.resolve({ kind: "refused", reason, message });
}

function toOffer({ message, offer }: Entry): OfferFrame {
  return {
    type: "offer",
    // Only a reference that nobody reads here; the key is what the runtime sees.
    task: message.id as OfferFrame["task"],
    attempt: 1,
    content: message.content,
    source: message.source,
    effects: offer?.effects ?? "unsafe",
    timeout_ms: offer?.timeout_ms ?? defaultRunLimitMs,
    ...(offer?.session === undefined ? {} : { session: offer.session }),
    ...(offer?.untrusted === undefined ? {} : { untrusted: offer.untrusted }),
    ...(offer?.runtime === undefined ? {} : { runtime: offer.runtime }),
  };
}
