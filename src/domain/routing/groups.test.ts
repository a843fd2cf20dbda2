import { expect, test } from "bun:test";
import type { GroupInput } from "../../protocol/rule.ts";
import { groupNamesOf } from "./groups.ts";
import { groupOf, nodeIdOf, nodeOf } from "./mesh-fixture.ts";

const node = nodeOf({
  name: "Mac-Mini",
  os: "darwin",
  arch: "arm64",
  memoryGb: 32,
  tags: ["Studio"],
  skills: ["Xcode"],
});

test.each<[GroupInput, boolean]>([
  [{ nodes: ["MAC-MINI"] }, true],
  [{ nodes: [nodeIdOf("Mac-Mini")] }, true],
  [{ nodes: ["mac"] }, false],
  [{ match: { os: "darwin" } }, true],
  [{ match: { os: "darwin", arch: "amd64" } }, false],
  [{ match: { gpu: false } }, true],
  [{ match: { gpu: true } }, false],
  [{ match: { skill: "XCODE" } }, true],
  [{ match: { skill: "studio" } }, true],
  [{ match: { tag: "studio" } }, true],
  [{ match: { tag: "xcode" } }, false],
  [{ match: { runtime: "openclaw" } }, true],
  [{ match: { runtime: "acp" } }, false],
  [{ match: { min_memory_gb: 32 } }, true],
  [{ match: { min_memory_gb: 33 } }, false],
  [{ nodes: ["other"], match: { os: "darwin" } }, true],
  [{ nodes: [], match: {} }, false],
])("membership by %j", ({ nodes = [], match }, expected) => {
  expect(groupNamesOf(node, [groupOf("g", { nodes, match })])).toEqual(expected ? ["g"] : []);
});
