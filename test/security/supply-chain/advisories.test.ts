import { expect, test } from "bun:test";
import { judgeAdvisories } from "../../../scripts/supply-chain/advisories.ts";

const hole = (severity: string) => ({
  id: 1,
  url: "https://example.org/advisory",
  title: "reads too far",
  severity,
  vulnerable_versions: "<2.0.0",
});

test.each([
  ["{}", "none"],
  [JSON.stringify({ yaml: [hole("low"), hole("moderate")] }), "tolerable"],
  [JSON.stringify({ yaml: [hole("low")], ws: [hole("high")] }), "severe"],
  [JSON.stringify({ ws: [hole("critical")] }), "severe"],
  ["", "no answer"],
  ["<html>", "no answer"],
  ["{ half", "no answer"],
  [JSON.stringify({ error: "method not allowed" }), "no answer"],
])("an audit that printed %p is: %s", (stdout, result) => {
  expect(judgeAdvisories(stdout).result as string).toBe(result);
});

test("a known hole is told with package, versions, severity and address", () => {
  expect(judgeAdvisories(JSON.stringify({ ws: [hole("high")] })).lines).toEqual([
    "high: ws <2.0.0: reads too far https://example.org/advisory",
  ]);
});
