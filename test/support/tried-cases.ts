import { appendFileSync } from "node:fs";

/** Names the file that `make security` reads; unset when tests are run otherwise. */
export const triedCasesVariable = "CLAW_MESH_TRIED_CASES";

/** A line of that file. */
export interface TriedCases {
  /** Id of the claim they belong to. */
  readonly claim: string;
  readonly cases: number;
}

/**
 * Adds to the cases of a claim in the table of `make security`. For tests that try many inputs under one name, such as
 * property and fuzz tests; every test by itself counts as one already.
 */
export function countTriedCases(claim: string, cases: number): void {
  const file = process.env[triedCasesVariable];
  if (file === undefined || file === "") return;
  const line: TriedCases = { claim, cases };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}
