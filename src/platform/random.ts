/** Randomness as an input, so that tests and the fault laboratory can seed it. */
export interface Random {
  /** A number in [0, 1). */
  readonly next: () => number;
}

export const systemRandom: Random = { next: Math.random };

/** A small seeded generator (mulberry32): good enough for jitter, sampling and repeatable faults, not for secrets. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
