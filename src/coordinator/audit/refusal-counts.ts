import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { AuditedAct, AuditTrail } from "./audit-trail.ts";

/** Repeats of the same subject, address, action and result within so long are one entry. */
export const refusalWindowMs = 60_000;

/**
 * Windows that are open at once, for callers who showed no good token and for the others. Beyond them refusals are only
 * counted: somebody with many addresses must not push what matters out of the audit.
 */
export const maxUnknownWindows = 30;
export const maxKnownWindows = 300;

/** Bounds what is written of calls that were refused. */
export interface RefusalCounts {
  /** The first is written at once, repeats when the window ends, with their `count`. */
  readonly note: (act: AuditedAct) => void;
  /** Writes what was counted and ends the timers. */
  readonly flush: () => void;
}

interface Window {
  readonly act: AuditedAct;
  repeats: number;
  /** All repeats had the target of the first. */
  isOneTarget: boolean;
  readonly cancel: CancelTimer;
}

interface RefusalCountsOptions {
  readonly trail: Pick<AuditTrail, "note">;
  readonly clock: Clock;
}

export function createRefusalCounts({ trail, clock }: RefusalCountsOptions): RefusalCounts {
  const windows = new Map<string, Window>();
  let unknownWindows = 0;
  let uncounted = 0;
  let cancelCrowded: CancelTimer | null = null;

  function close(key: string): void {
    const window = windows.get(key);
    if (window === undefined) return;
    windows.delete(key);
    window.cancel();
    if (isUnknown(window.act)) unknownWindows -= 1;
    if (window.repeats === 0) return;
    const { act, repeats, isOneTarget } = window;
    trail.note({
      ...act,
      target: isOneTarget ? act.target : null,
      details: { count: repeats, within_s: refusalWindowMs / 1000 },
    });
  }

  function writeCrowded(): void {
    cancelCrowded?.();
    cancelCrowded = null;
    if (uncounted === 0) return;
    trail.note({
      subject: "coordinator",
      address: null,
      action: "audit.crowded",
      target: null,
      result: "ok",
      details: { count: uncounted, within_s: refusalWindowMs / 1000 },
    });
    uncounted = 0;
  }

  function hasRoom(act: AuditedAct): boolean {
    return isUnknown(act)
      ? unknownWindows < maxUnknownWindows
      : windows.size - unknownWindows < maxKnownWindows;
  }

  return {
    note: (act) => {
      const key = JSON.stringify([act.subject, act.address, act.action, act.result]);
      const window = windows.get(key);
      if (window !== undefined) {
        window.repeats += 1;
        window.isOneTarget &&= window.act.target === act.target;
        return;
      }
      if (!hasRoom(act)) {
        uncounted += 1;
        cancelCrowded ??= clock.after(refusalWindowMs, writeCrowded, { unref: true });
        return;
      }
      if (isUnknown(act)) unknownWindows += 1;
      const cancel = clock.after(refusalWindowMs, () => close(key), { unref: true });
      windows.set(key, { act, repeats: 0, isOneTarget: true, cancel });
      trail.note(act);
    },
    flush: () => {
      for (const key of [...windows.keys()]) close(key);
      writeCrowded();
    },
  };
}

function isUnknown(act: AuditedAct): boolean {
  return act.subject === "anonymous";
}
