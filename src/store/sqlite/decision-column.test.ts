import { expect, test } from "bun:test";
import type { Decision } from "../../protocol/decision.ts";
import type { NodeId, RuleId } from "../../protocol/ids.ts";
import { decisionColumn, toDecisionColumn } from "./decision-column.ts";

const nodeId = `node_${"0".repeat(32)}` as NodeId;
const usual: Decision = {
  decided_at: "2026-01-01T00:00:00.000Z",
  outcome: "assigned",
  rule: null,
  passed_over: [],
  strategy: "least-busy",
  target: null,
  session: null,
  declared: {},
  inferred: [],
  candidate_count: 0,
  ranking: [],
  refused: { counts: {}, named: [] },
  unblock: [],
};
const unusual: Decision = {
  decided_at: "2026-01-01T00:00:00.000Z",
  outcome: "waiting",
  rule: {
    id: `rule_${"0".repeat(32)}` as RuleId,
    origin: "api",
    position: 1,
    text: "gpu:true",
    target: null,
  },
  passed_over: [],
  strategy: "sticky",
  target: "mac",
  session: { name: "s", binding: "waiting", node_id: nodeId },
  declared: { gpu: true },
  inferred: [{ need: "os=darwin", because: "xcode" }],
  candidate_count: 1,
  ranking: [{ node_id: nodeId, name: "mac", score: 0, why: "idle" }],
  refused: { counts: { full: 1 }, named: [] },
  unblock: [{ needs: "a node with os=darwin", nodes: [] }],
};

test("a decision is read as it was stored", () => {
  for (const decision of [usual, unusual]) {
    expect(decisionColumn.parse(toDecisionColumn(decision))).toEqual(decision);
  }
});

test("what most decisions have is not stored", () => {
  expect(JSON.parse(toDecisionColumn(usual) ?? "")).toEqual({
    decided_at: "2026-01-01T00:00:00.000Z",
    candidate_count: 0,
  });
});
