/** One after another, in the order in which they were asked for. */
export interface Turns {
  /** Starts the change when those before it are over, failed ones too. */
  readonly inTurn: <Result>(change: () => Promise<Result>) => Promise<Result>;
  /** Resolves when all that have been asked for are over. */
  readonly over: () => Promise<void>;
}

/** For changes of one thing that would undo each other if they were made at the same time. */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    inTurn: (change) => {
      const done = last.then(change);
      // Whoever asked for it has its failure.
      last = done.catch(() => undefined);
      return done;
    },
    over: async () => {
      await last;
    },
  };
}
