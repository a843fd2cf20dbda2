import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { AuditedAct, AuditTrail } from "./audit-trail.ts";
import { ownAct } from "./own-act.ts";

/** Acts of one kind within so long: some are written one by one, the rest as one entry with their `count`. */
export const repeatWindowMs = 60_000;

/**
 * Windows that are open at once, for callers who showed no good token and for the others. Beyond them acts are only
 * counted: somebody with many addresses must not push what matters out of the audit.
 */
export const maxUnknownWindows = 30;
export const maxKnownWindows = 1_000;

/** Bounds what those write into the audit who may do something as often as they like. */
export interface RepeatCounts {
  /**
   * Whether this one is to be written; otherwise it is counted. Of one kind are those of the same subject, action and
   * result, of `anonymous` also of the same address.
   * @param freeActs how many of a kind are written one by one in a window
   */
  readonly admit: (act: AuditedAct, freeActs: number) => boolean;
  /** Writes what was counted and ends the timers. */
  readonly flush: () => void;
}

interface Window {
  readonly act: AuditedAct;
  written: number;
  counted: number;
  /** What all that were counted have in common; null: they differ. */
  target: string | null;
  address: string | null;
  readonly cancel: CancelTimer;
}

/** In place of an address, for acts from more than one. */
const severalAddresses = "several";

interface RepeatCountsOptions {
  readonly trail: Pick<AuditTrail, "note">;
  readonly clock: Clock;
}

export function createRepeatCounts({ trail, clock }: RepeatCountsOptions): RepeatCounts {
  const windows = new Map<string, Window>();
  let unknownWindows = 0;
  let crowded = 0;
  let cancelCrowded: CancelTimer | null = null;

  function close(key: string): void {
    const window = windows.get(key);
    if (window === undefined) return;
    windows.delete(key);
    window.cancel();
    if (isUnknown(window.act)) unknownWindows -= 1;
    if (window.counted === 0) return;
    const { act, counted, target, address } = window;
    trail.note({ ...act, target, address, details: { count: counted, within_s: repeatWindowMs / 1000 } });
  }

  function writeCrowded(): void {
    cancelCrowded?.();
    cancelCrowded = null;
    if (crowded === 0) return;
    trail.note(ownAct("audit.crowded", null, { count: crowded, within_s: repeatWindowMs / 1000 }));
    crowded = 0;
  }

  function open(key: string, act: AuditedAct): Window | null {
    const known = windows.size - unknownWindows;
    const hasRoom = isUnknown(act) ? unknownWindows < maxUnknownWindows : known < maxKnownWindows;
    if (!hasRoom) return null;
    if (isUnknown(act)) unknownWindows += 1;
    const cancel = clock.after(repeatWindowMs, () => close(key), { unref: true });
    const window = { act, written: 0, counted: 0, target: null, address: null, cancel };
    windows.set(key, window);
    return window;
  }

  return {
    admit: (act, freeActs) => {
      const key = keyOf(act);
      const window = windows.get(key) ?? open(key, act);
      if (window === null) {
        crowded += 1;
        cancelCrowded ??= clock.after(repeatWindowMs, writeCrowded, { unref: true });
        return false;
      }
      if (window.written < freeActs) {
        window.written += 1;
        return true;
      }
      const isFirst = window.counted === 0;
      window.counted += 1;
      window.target = isFirst || window.target === act.target ? act.target : null;
      window.address = isFirst || window.address === act.address ? act.address : severalAddresses;
      return false;
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

/** Who is known may come from as many addresses as he likes. */
function keyOf(act: AuditedAct): string {
  return JSON.stringify([act.subject, isUnknown(act) ? act.address : null, act.action, act.result]);
}
