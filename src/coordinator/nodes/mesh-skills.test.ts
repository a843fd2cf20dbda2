import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { systemIds } from "../../platform/ids.ts";
import type { SkillDetail } from "../../protocol/capability.ts";
import { maxSkillNodes, maxSkillsLength } from "../../protocol/http/skill-routes.ts";
import type { NodeRecord } from "../../store/nodes.ts";
import { MeshNode } from "./mesh-node.ts";
import { gatherMeshSkills } from "./mesh-skills.ts";
import { createSkillRoutes } from "./skill-routes.ts";

function nodeOf(at: number, skills: readonly string[], details: readonly SkillDetail[] = []): MeshNode {
  const record: Partial<NodeRecord> = {
    id: systemIds.node(),
    name: `n-${String(at).padStart(4, "0")}`,
    capabilities: {
      os: "linux",
      arch: "amd64",
      gpu: false,
      memory_gb: 1,
      tags: [],
      skills: [...skills],
      skill_details: [...details],
    },
    addedTags: [],
    removedTags: [],
    lastSeenAtMs: 0,
    hiddenAtMs: null,
  };
  return new MeshNode(record as NodeRecord);
}

const lacking = (name: string, missing: string[]): SkillDetail => ({
  name,
  from: "agent",
  description: null,
  missing,
});
const fullMesh = (count: number) =>
  Array.from({ length: count }, (_, at) =>
    nodeOf(
      at,
      [],
      Array.from({ length: 256 }, (_, word) =>
        lacking(`s${(at * 256 + word) % 5_000}`, ["m".repeat(128), "n".repeat(110)]),
      ),
    ),
  );

describe("the skills of many nodes", () => {
  test("name the first hundred, and count all", () => {
    const nodes = Array.from({ length: 150 }, (_, at) =>
      nodeOf(at, at < 120 ? ["docker"] : [], at < 120 ? [] : [lacking("docker", ["x"])]),
    );
    const [docker] = gatherMeshSkills(nodes).skills;
    expect(docker).toMatchObject({ node_count: 120, unusable_count: 30 });
    expect([docker?.nodes.length, docker?.unusable.length]).toEqual([maxSkillNodes, 30]);
    expect(docker?.nodes[0]?.name).toBe("n-0000");
  });

  test("leave hidden nodes out", () => {
    const node = nodeOf(1, ["docker"]);
    node.record = { ...node.record, hiddenAtMs: 1 };
    expect(gatherMeshSkills([node]).skills).toEqual([]);
  });

  test("are no longer than a client takes, and what is left out is counted", () => {
    const { skills, left_out } = gatherMeshSkills(fullMesh(300));
    expect(JSON.stringify(skills).length).toBeLessThan(1.25 * maxSkillsLength);
    expect([skills.length, left_out]).toEqual([5_000, 0]);
    const told = skills.reduce((sum, { unusable }) => sum + unusable.length, 0);
    const counted = skills.reduce((sum, { unusable_count }) => sum + unusable_count, 0);
    expect(counted).toBe(300 * 256);
    expect(told).toBeLessThan(counted);
    expect(gatherMeshSkills(fullMesh(2), { maxLength: 10_000 }).left_out).toBeGreaterThan(100);
  });

  test("are told whole of one skill, whatever its case", () => {
    const nodes = [nodeOf(1, ["Docker", "git"]), nodeOf(2, ["docker"]), nodeOf(3, ["git"])];
    expect(gatherMeshSkills(nodes, { name: "DOCKER" })).toMatchObject({
      skills: [{ name: "Docker", node_count: 2 }],
      left_out: 0,
    });
    expect(gatherMeshSkills(nodes, { name: "none" }).skills).toEqual([]);
  });

  test("follow what a node says", () => {
    const node = nodeOf(1, ["old"]);
    expect(gatherMeshSkills([node]).skills[0]?.name).toBe("old");
    node.capabilities = { ...node.capabilities, skills: ["new"] };
    expect(gatherMeshSkills([node]).skills[0]?.name).toBe("new");
  });
});

test("the list is gathered once as long as no node changes, for a second at most", async () => {
  const clock = createManualClock();
  let revision = 1;
  const nodes = [nodeOf(1, ["docker"])];
  const registry = {
    nodes,
    revision: () => revision,
  };
  const { listSkills } = createSkillRoutes({ registry, clock });
  const call = { query: {} } as Parameters<typeof listSkills>[0];
  const first = await listSkills(call);
  expect(await listSkills(call)).toBe(first);
  revision += 1;
  const second = await listSkills(call);
  expect(second).not.toBe(first);
  clock.advance(1_000);
  expect(await listSkills(call)).not.toBe(second);
});
