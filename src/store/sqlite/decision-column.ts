import { z } from "zod";
import { Decision } from "../../protocol/decision.ts";
import { jsonColumn } from "./row.ts";

/** Most decisions have most of this; what equals it is not stored. Every message pays for the bytes of its decision. */
const usual = {
  outcome: "assigned",
  rule: null,
  passed_over: [],
  strategy: "least-busy",
  target: null,
  session: null,
  declared: {},
  inferred: [],
  ranking: [],
  refused: { counts: {}, named: [] },
  unblock: [],
} as const;

function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** JSON of what is not usual about the decision. */
export function toDecisionColumn(decision: Decision | null): string | null {
  if (decision === null) return null;
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(decision)) {
    const isUsual =
      value === usual[key as keyof typeof usual] ||
      (typeof value === "object" && value !== null && isEmpty(value)) ||
      (key === "refused" && isEmpty(decision.refused.counts));
    if (!isUsual) kept[key] = value;
  }
  return JSON.stringify(kept);
}

export const decisionColumn = jsonColumn(
  z
    .record(z.string(), z.unknown())
    .transform((kept): unknown => ({ ...usual, ...kept }))
    .pipe(Decision),
);
