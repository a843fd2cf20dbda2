/** Randomness as an input of a decision; `platform/random.ts` has the real one and a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  readonly next: () => number;
}
