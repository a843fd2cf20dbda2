import { waitAtMost } from "../platform/bounded-wait.ts";
import type { Clock } from "../platform/clock.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import type { RuntimeStatus } from "../protocol/node.ts";
import type { Runtime, RuntimeProbe } from "../runtimes/runtime.ts";
import type { PickedRuntime } from "./offer-intake.ts";

/** Slots of a runtime that does not tell its own limit. */
export const defaultSlots = 4;

/** An adapter answers a probe within 3 s; this is for one that breaks its promise. */
const probeLimitMs = 4_000;

const maxSlots = 10_000;

/** What the node's runtimes said last. */
export interface RuntimeWatch {
  /** Asks all of them; one round at a time. Resolves whether readiness or slots changed. Never rejects. */
  readonly probe: () => Promise<boolean>;
  readonly statuses: () => RuntimeStatus[];
  readonly slots: () => number;
  readonly pick: (kind: RuntimeKind | null) => PickedRuntime;
  readonly find: (kind: RuntimeKind | null) => Runtime | null;
}

export interface RuntimeWatchDeps {
  readonly runtimes: readonly Runtime[];
  /** What the operator set; null: the runtimes' own limits, or {@link defaultSlots}. */
  readonly slots: number | null;
  readonly clock: Clock;
}

export function createRuntimeWatch({ runtimes, slots, clock }: RuntimeWatchDeps): RuntimeWatch {
  const probes = new Map<Runtime, RuntimeProbe>();
  let round: Promise<boolean> | null = null;

  const statusOf = (runtime: Runtime): RuntimeStatus =>
    probes.get(runtime)?.status ?? notReady(runtime, "not asked yet");

  const countSlots = (): number => {
    if (slots !== null) return slots;
    const own = runtimes.map((runtime) => probes.get(runtime)?.slots ?? defaultSlots);
    return Math.min(maxSlots, Math.max(1, ...own));
  };

  const digest = () =>
    JSON.stringify([countSlots(), ...runtimes.map((runtime) => toDigest(statusOf(runtime)))]);

  const probeAll = async () => {
    const before = digest();
    await Promise.all(
      runtimes.map(async (runtime) => {
        const late = { status: notReady(runtime, "it did not answer in time"), slots: null };
        probes.set(
          runtime,
          await waitAtMost(ask(runtime), { clock, limitMs: probeLimitMs, otherwise: late }),
        );
      }),
    );
    return digest() !== before;
  };

  const candidates = (kind: RuntimeKind | null) =>
    runtimes.filter((runtime) => kind === null || runtime.kind === kind);

  return {
    probe: () => {
      round ??= probeAll().finally(() => {
        round = null;
      });
      return round;
    },
    statuses: () => runtimes.map(statusOf),
    slots: countSlots,
    pick: (kind) => {
      const fitting = candidates(kind);
      const runtime = fitting.find((candidate) => statusOf(candidate).ready);
      if (runtime !== undefined) return { kind: "picked", runtime };
      const unready = fitting[0];
      if (unready === undefined) {
        return { kind: "refused", reason: "no_such_runtime", message: `no ${kind ?? ""} runtime here` };
      }
      const reason = statusOf(unready).reason ?? "it is not ready";
      return { kind: "refused", reason: "not_ready", message: `${unready.kind}: ${reason}` };
    },
    find: (kind) => candidates(kind)[0] ?? null,
  };
}

async function ask(runtime: Runtime): Promise<RuntimeProbe> {
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

function toDigest({ kind, ready, reason, version }: RuntimeStatus): readonly unknown[] {
  return [kind, ready, reason, version];
}
