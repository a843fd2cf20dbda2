/** Something the product promises about its safety, and the tests that show it. `make security` prints one line for each. */
export interface Claim {
  /** Area and a word, such as `tokens.scopes`; docs/explanation/threat-model.md names it. */
  readonly id: string;
  /** One sentence that a reader can check. */
  readonly claim: string;
  readonly shownBy: readonly ShownBy[];
}

interface ShownBy {
  /** A test file, from the project's folder on. */
  readonly file: string;
  /** How the full names of its tests begin (`describe > test`), when only some of them belong to the claim. */
  readonly tests?: string;
}
