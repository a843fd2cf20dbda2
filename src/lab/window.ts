/** Bounds how many things are under way at once; who comes when it is full waits in line. */
export interface Window {
  /** Resolves when there is room; the room is taken then. */
  readonly enter: () => Promise<void>;
  readonly leave: () => void;
  /** There is room for everybody from now on: what it bounded is over. */
  readonly open: () => void;
}

export function createWindow(size: number): Window {
  const waiting: (() => void)[] = [];
  let inside = 0;
  let limit = size;
  return {
    enter: () => {
      if (inside < limit) {
        inside += 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    leave: () => {
      const next = waiting.shift();
      if (next === undefined) inside -= 1;
      else next();
    },
    open: () => {
      limit = Number.POSITIVE_INFINITY;
      for (const enter of waiting.splice(0)) enter();
    },
  };
}
