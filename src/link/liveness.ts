/** Beats without a sign of life after which a peer counts as gone. */
export const missedBeatsLimit = 3;

const shortestBeatMs = 5_000;
const msPerNode = 2;

/** Interval of the beat in a mesh of so many nodes: 5 s, or 1 s per 500 nodes when that is longer. */
export function beatIntervalMs(nodeCount: number): number {
  return Math.max(shortestBeatMs, nodeCount * msPerNode);
}

/** How often deadlines are looked at: often enough to be exact to a quarter of a beat, at most once a second. */
export function sweepIntervalMs(beatMs: number): number {
  return Math.min(1_000, Math.max(20, beatMs / 4));
}

/** Whether a peer last heard at `lastSeenMs` has missed its beats. All times are monotonic. */
export function isSilent(lastSeenMs: number, nowMs: number, beatMs: number): boolean {
  return nowMs - lastSeenMs > missedBeatsLimit * beatMs;
}

/**
 * Whether this process itself stood still: its timer ran more than an interval late. Then the silence of others proves
 * nothing, and all deadlines start again.
 */
export function wasStalled(timerDueAtMs: number, nowMs: number, beatMs: number): boolean {
  return nowMs - timerDueAtMs > beatMs;
}

/** What both clocks say of the time between the setting of a timer and its call. */
export interface TimerGap {
  readonly delayMs: number;
  readonly wallElapsedMs: number;
  /** By the clock that stops in a machine's sleep, and goes on while this process alone stands still. */
  readonly monotonicElapsedMs: number;
}

/** Time without this process beyond which connections may be gone without a word: less is a busy machine. */
const sleepGapMs = 2_000;

/** How long this process, or the whole machine, stood still before the timer was called; 0 when neither did. */
export function sleptMs({ delayMs, wallElapsedMs, monotonicElapsedMs }: TimerGap): number {
  const gapMs = Math.max(wallElapsedMs, monotonicElapsedMs) - delayMs;
  return gapMs > sleepGapMs ? gapMs : 0;
}
