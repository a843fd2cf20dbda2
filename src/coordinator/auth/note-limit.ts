import type { Clock } from "../../platform/clock.ts";

const windowMs = 60_000;

/** Whether one more may be told of in this minute; the rest happens unsaid, so that it pushes nothing else out. */
export function createNoteLimit(perMinute: number, clock: Pick<Clock, "monotonicMs">): () => boolean {
  let notes = 0;
  let fromMs = clock.monotonicMs();

  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - fromMs >= windowMs) {
      notes = 0;
      fromMs = nowMs;
    }
    notes += 1;
    return notes <= perMinute;
  };
}
