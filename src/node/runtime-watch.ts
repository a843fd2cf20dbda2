import { waitAtMost } from "../platform/bounded-wait.ts";
import type { Clock } from "../platform/clock.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import type { OfferFrame } from "../protocol/link/v1/frames.ts";
import type { RuntimeStatus } from "../protocol/node.ts";
import type { SupervisedGateway } from "../provision/supervised-gateway.ts";
import type { Runtime, RuntimeProbe } from "../runtimes/runtime.ts";
import type { PickedRuntime } from "./offer-intake.ts";

/** Slots of a runtime that does not tell its own limit. */
export const defaultSlots = 4;

/** An adapter answers a probe within 3 s; this is for one that breaks its promise. */
const probeLimitMs = 4_000;

const maxSlots = 10_000;

/** What the node's runtimes said last, and what they are given. */
export interface RuntimeWatch {
  /** Asks all of them, each by itself; one that is still being asked is not asked again. Never rejects. */
  readonly probe: () => Promise<void>;
  /** Told when readiness, version, slots or supervision of one has changed. @returns how to end that */
  readonly onChange: (listener: () => void) => () => void;
  readonly statuses: () => RuntimeStatus[];
  /**
   * Of the whole node: those of its ready runtimes together, and what still runs in others; at most what the operator set.
   * While none is ready, those of all.
   */
  readonly slots: () => number;
  /**
   * The first that is ready and has a free slot, of the kind that is needed or of any. A turn of a conversation goes to the first
   * that is ready, or to none: its turns belong to one runtime.
   */
  readonly pick: (wish: PickWish) => PickedRuntime;
  /** Ready or not; null: there is none of that kind. */
  readonly find: (kind: RuntimeKind | null) => Runtime | null;
  /** It works on one attempt more. @returns how to give the slot back; may be called again */
  readonly occupy: (runtime: Runtime) => () => void;
  /** Ends the care for changes. */
  readonly stop: () => void;
}

/** What an offer says of the runtime that is to take it. */
interface PickWish extends Pick<OfferFrame, "runtime" | "prefers"> {
  readonly session?: unknown;
}

export interface RuntimeWatchDeps {
  /** In the order of preference, each kind once. */
  readonly runtimes: readonly Runtime[];
  /** Of the whole node, as the operator set it; null: those of the runtimes together. */
  readonly slots: number | null;
  /** Of single runtimes, where the operator set them. */
  readonly slotsOf?: ReadonlyMap<RuntimeKind, number> | undefined;
  /** Gateways that are kept alive. */
  readonly supervised?: readonly SupervisedGateway[] | undefined;
  readonly clock: Clock;
}

export function createRuntimeWatch(deps: RuntimeWatchDeps): RuntimeWatch {
  const { runtimes, clock, supervised = [] } = deps;
  const probes = new Map<Runtime, RuntimeProbe>();
  const rounds = new Map<Runtime, Promise<void>>();
  /** Their gateway has changed since they were asked: they are asked once more. */
  const outdated = new Set<Runtime>();
  const inFlight = new Map<Runtime, number>();
  const listeners = new Set<() => void>();

  /** With a single runtime the operator's number for the node is that runtime's. */
  const slotsOf = (runtime: Runtime): number => {
    const set = deps.slotsOf?.get(runtime.kind) ?? (runtimes.length === 1 ? deps.slots : null);
    return Math.min(maxSlots, Math.max(1, set ?? probes.get(runtime)?.slots ?? defaultSlots));
  };

  const countSlots = (): number => {
    const isAnyReady = runtimes.some((runtime) => said(runtime).ready);
    const usableOf = (runtime: Runtime) =>
      isAnyReady && !said(runtime).ready ? (inFlight.get(runtime) ?? 0) : slotsOf(runtime);
    const sum = runtimes.reduce((slots, runtime) => slots + usableOf(runtime), 0);
    return Math.min(maxSlots, Math.max(1, sum), deps.slots ?? maxSlots);
  };

  const said = (runtime: Runtime): RuntimeStatus =>
    probes.get(runtime)?.status ?? notReady(runtime, "not asked yet");

  const statusOf = (runtime: Runtime): RuntimeStatus => {
    const gateway = supervised.find(({ kind }) => kind === runtime.kind);
    return {
      ...said(runtime),
      slots: slotsOf(runtime),
      in_flight: inFlight.get(runtime) ?? 0,
      ...(gateway === undefined ? {} : { supervision: gateway.state() }),
    };
  };

  const tell = () => {
    for (const listener of [...listeners]) listener();
  };

  const ask = async (runtime: Runtime) => {
    outdated.delete(runtime);
    const late = { status: notReady(runtime, "it did not answer in time"), slots: null };
    const before = toDigest(said(runtime), slotsOf(runtime));
    probes.set(runtime, await waitAtMost(probe(runtime), { clock, limitMs: probeLimitMs, otherwise: late }));
    if (toDigest(said(runtime), slotsOf(runtime)) !== before) tell();
    if (outdated.has(runtime)) await ask(runtime);
    rounds.delete(runtime);
  };

  const askOnce = (runtime: Runtime): Promise<void> => {
    const round = rounds.get(runtime) ?? ask(runtime);
    rounds.set(runtime, round);
    return round;
  };

  const stopListening = supervised.map((gateway) =>
    gateway.onChange(() => {
      tell();
      const runtime = runtimes.find(({ kind }) => kind === gateway.kind);
      if (runtime === undefined) return;
      if (rounds.has(runtime)) outdated.add(runtime);
      void askOnce(runtime);
    }),
  );

  /** Beside any other runtime an echo takes only what requires it: who asks an AI is not to get his own words. */
  const isAnswer = (runtime: Runtime) => runtime.kind !== "echo" || runtimes.length === 1;
  const candidates = (kind: RuntimeKind | null) =>
    runtimes.filter((runtime) => (kind === null ? isAnswer(runtime) : runtime.kind === kind));
  const hasRoom = (runtime: Runtime) => (inFlight.get(runtime) ?? 0) < slotsOf(runtime);

  return {
    probe: async () => void (await Promise.all(runtimes.map(askOnce))),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    statuses: () => runtimes.map(statusOf),
    slots: countSlots,
    pick: ({ runtime: kind = null, prefers, session }) => {
      const fitting = candidates(kind);
      const isTurn = session !== undefined;
      const ready = fitting.filter((runtime) => said(runtime).ready).slice(0, isTurn ? 1 : undefined);
      const free = ready.filter(hasRoom);
      const runtime = free.find((one) => one.kind === prefers) ?? free[0];
      if (runtime !== undefined) return { kind: "picked", runtime };
      if (ready[0] !== undefined) {
        const names = ready.map((full) => `${full.kind} ${slotsOf(full)}`).join(", ");
        return { kind: "refused", reason: "full", message: `all slots are taken: ${names}` };
      }
      const unready = fitting[0];
      if (unready === undefined) {
        return { kind: "refused", reason: "no_such_runtime", message: `no ${kind ?? ""} runtime here` };
      }
      const reason = said(unready).reason ?? "it is not ready";
      return { kind: "refused", reason: "not_ready", message: `${unready.kind}: ${reason}` };
    },
    find: (kind) => candidates(kind)[0] ?? null,
    occupy: (runtime) => {
      inFlight.set(runtime, (inFlight.get(runtime) ?? 0) + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        inFlight.set(runtime, (inFlight.get(runtime) ?? 1) - 1);
      };
    },
    stop: () => {
      listeners.clear();
      for (const stop of stopListening) stop();
    },
  };
}

async function probe(runtime: Runtime): Promise<RuntimeProbe> {
  try {
    return await runtime.probe();
  } catch {
    // A promise never to reject was broken; what it means for work is the same as "not ready".
    return { status: notReady(runtime, "its adapter failed to ask it"), slots: null };
  }
}

function notReady(runtime: Runtime, reason: string): RuntimeStatus {
  return { kind: runtime.kind, version: null, ready: false, reason, active: null, queued: null };
}

/** What is worth telling at once; load is told at the next beat. */
function toDigest({ ready, reason, version }: RuntimeStatus, slots: number): string {
  return JSON.stringify([ready, reason, version, slots]);
}
