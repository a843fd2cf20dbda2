/** Calls back once, after the events that are waiting in this turn of the event loop were handled. */
export type ScheduleTurn = (callback: () => void) => void;

/** What the hot paths batch by: frames into one message, writes into one commit. Load itself forms the batch. */
export const scheduleTurn: ScheduleTurn = (callback) => {
  setImmediate(callback);
};
