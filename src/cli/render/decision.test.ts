import { describe, expect, test } from "bun:test";
import { nodeId } from "../../../test/support/cli-run.ts";
import { en } from "../../locale/en.ts";
import { Decision } from "../../protocol/decision.ts";
import { renderDecision, waitingText } from "./decision.ts";

const ruleId = `rule_${"e".repeat(32)}`;
const nowMs = Date.UTC(2026, 10, 22, 16);

function decisionOf(changes: object): Decision {
  return Decision.parse({
    decided_at: "2026-11-22T16:00:00.000Z",
    outcome: "waiting",
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
    ...changes,
  });
}

function render(changes: object): string {
  return renderDecision(decisionOf(changes), en, {
    write: () => {},
    writeAndWait: async () => {},
    isTerminal: false,
    columns: 80,
    hasColour: false,
  });
}

describe("the rule of a decision", () => {
  const passedOver = { id: ruleId, position: 1, text: "*" };

  test("is none when none applied", () => {
    expect(render({})).toMatch(/Rule: +none applied; all nodes were considered\n/);
  });

  test("that applied and had no node is named, and not called none", () => {
    const text = render({ passed_over: [passedOver] });
    expect(text).toContain("#1 * applied, and had no node that could take it\n");
    expect(text).toContain("all nodes were considered\n");
    expect(text).not.toContain("none applied");
  });

  test("comes behind those that were passed over", () => {
    const rule = { id: ruleId, origin: "api", position: 2, text: "gpu", target: "linux" };
    const lines = render({ passed_over: [passedOver], rule }).split("\n");
    expect(lines.slice(1, 3).map((line) => line.trim())).toEqual([
      expect.stringMatching(/^Rule: +#1 \* applied/),
      "#2 gpu → linux",
    ]);
  });
});

test("a refusal, and the label that led to it, are said in words", () => {
  const rule = { id: ruleId, origin: "api", position: 2, text: "untrusted:true", target: null };
  const lines = render({ outcome: "refused", untrusted: true, rule }).trimEnd().split("\n");
  expect(lines.map((line) => line.trim().replace(/ +/g, " "))).toEqual([
    "A rule refuses it",
    "Label: untrusted: the text is another owner's",
    "Rule: #2 untrusted:true",
  ]);
});

test("what is waited for is said as the API says it, with how long that lasts by now", () => {
  const since = "2026-11-22T15:59:58.000Z";
  const nodes = [{ node_id: nodeId, name: "mac-mini", reason: "offline", since }];
  const decision = decisionOf({ unblock: [{ needs: "the target mac-mini", nodes }] });
  expect(waitingText(decision, nowMs)).toBe("the target mac-mini, offline for 2 s");
  expect(waitingText(decision, nowMs + 60_000)).toBe("the target mac-mini, offline for 1 min");
  expect(waitingText(decisionOf({}), nowMs)).toBeNull();
});
