/** Calls back once, at the end of this turn of the event loop. */
export type ScheduleTurn = (callback: () => void) => void;

/**
 * Calls back once, when the events that are already waiting on this turn of the event loop have been handled. What
 * gathers work until then forms a batch as large as the load of the moment, without waiting for a timer.
 */
export function afterLoopTurn(callback: () => void): void {
  setImmediate(callback);
}

/** Lets the events that already wait be handled first. */
export function nextLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
