import { describe, expect, test } from "bun:test";
import { systemIds } from "../../src/platform/ids.ts";
import type { GroupInput, RuleInput } from "../../src/protocol/rule.ts";
import type { NodeRecord } from "../../src/store/nodes.ts";
import { sampleTimeMs } from "../support/store/sample-tasks.ts";
import type { StoreUnderTest } from "./store.ts";

function createSampleNode(name: string, parts: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id: systemIds.node(),
    name,
    capabilities: {
      os: "linux",
      arch: "amd64",
      gpu: true,
      memory_gb: 64,
      tags: ["fast"],
      skills: ["docker"],
    },
    addedTags: ["家"],
    removedTags: ["fast"],
    scheduling: "active",
    weight: 1.5,
    tokenHash: "cd".repeat(32),
    transport: "link",
    endpoint: null,
    directToken: null,
    version: "0.1.0",
    joinedAtMs: sampleTimeMs,
    lastSeenAtMs: sampleTimeMs,
    hiddenAtMs: null,
    isRemoved: false,
    ...parts,
  };
}

/** Nodes, rules, groups, session bindings. */
export function describeMesh(subject: StoreUnderTest): void {
  test("keeps the id of the mesh for good", async () => {
    const { meshId } = subject.store();
    expect(meshId).toMatch(/^mesh_[0-9a-f]{32}$/);
    expect((await subject.reopen()).meshId).toBe(meshId);
  });

  describe("nodes", () => {
    const nodes = () => subject.store().nodes;

    test("are kept with every field, after a restart too", async () => {
      const linked = createSampleNode("linux-gpu");
      const direct = createSampleNode("mac-mini", {
        transport: "direct",
        endpoint: "10.0.0.7:9121",
        version: null,
        scheduling: "cordoned",
        hiddenAtMs: sampleTimeMs + 1,
        isRemoved: true,
      });
      await Promise.all([nodes().save(linked), nodes().save(direct)]);
      expect(await nodes().list()).toEqual([linked, direct]);
      await subject.reopen();
      expect(await nodes().list()).toEqual([linked, direct]);
    });

    test("are replaced by id, and may change their name", async () => {
      const node = createSampleNode("before");
      await nodes().save(node);
      const renamed = { ...node, name: "after", capabilities: { ...node.capabilities, gpu: false } };
      await nodes().save(renamed);
      expect(await nodes().list()).toEqual([renamed]);
      await nodes().save(createSampleNode("before"));
    });

    for (const [taken, wanted] of [
      ["linux-gpu", "linux-gpu"],
      ["linux-gpu", "Linux-GPU"],
      ["Élan", "élan"],
    ] as const) {
      test(`refuse the name ${wanted} while another one is called ${taken}`, async () => {
        const first = createSampleNode(taken);
        const settled = await Promise.allSettled([
          nodes().save(first),
          nodes().save(createSampleNode(wanted)),
        ]);
        expect(settled).toMatchObject([
          { status: "fulfilled" },
          { status: "rejected", reason: { code: "NAME_TAKEN" } },
        ]);
        expect(await nodes().list()).toEqual([first]);
      });
    }

    test("give their name free when they are hidden, and may not come back under it when it is taken", async () => {
      const first = createSampleNode("linux-gpu");
      await nodes().save(first);
      await nodes().save({ ...first, hiddenAtMs: sampleTimeMs });
      const second = createSampleNode("linux-gpu");
      await nodes().save(second);
      await nodes().save({ ...first, hiddenAtMs: sampleTimeMs, lastSeenAtMs: 7 });
      await expect(nodes().save(first)).rejects.toMatchObject({ code: "NAME_TAKEN" });
      expect(await nodes().list()).toEqual([{ ...first, hiddenAtMs: sampleTimeMs, lastSeenAtMs: 7 }, second]);
    });
  });

  describe("rules", () => {
    const rules = () => subject.store().rules;
    const gpu: RuleInput = { match: { requires_gpu: true }, target: "linux-gpu", otherwise: "queue" };
    const mac: RuleInput = { match: { content: "/xcode/i", labels: { a: "b" } }, targets: ["mac", "mini"] };
    const all: RuleInput = { match: { wildcard: true }, strategy: "least-busy" };

    async function addThree() {
      const ids = [systemIds.rule(), systemIds.rule(), systemIds.rule()] as const;
      await Promise.all([rules().add(ids[0], gpu), rules().add(ids[1], mac), rules().add(ids[2], all)]);
      return ids;
    }

    test("are listed in the order they were added, after a restart too", async () => {
      const [first, second, third] = await addThree();
      const expected = [
        { ...gpu, id: first },
        { ...mac, id: second },
        { ...all, id: third },
      ];
      expect(await rules().list()).toEqual(expected);
      await subject.reopen();
      expect(await rules().list()).toEqual(expected);
    });

    test("are replaced in their place", async () => {
      const [first, second, third] = await addThree();
      expect(await rules().replace(second, all)).toBe(true);
      expect(await rules().list()).toEqual([
        { ...gpu, id: first },
        { ...all, id: second },
        { ...all, id: third },
      ]);
      expect(await rules().replace(systemIds.rule(), all)).toBe(false);
    });

    test("are removed, once", async () => {
      const [first, second, third] = await addThree();
      expect(await rules().remove(second)).toBe(true);
      expect(await rules().remove(second)).toBe(false);
      expect((await rules().list()).map((rule) => rule.id)).toEqual([first, third]);
    });

    test("are put in another order, and new ones come at its end", async () => {
      const [first, second, third] = await addThree();
      await rules().order([third, first, second]);
      const fourth = systemIds.rule();
      await rules().add(fourth, all);
      await subject.reopen();
      expect((await rules().list()).map((rule) => rule.id)).toEqual([third, first, second, fourth]);
    });

    test("keep their order when another one is not complete", async () => {
      const [first, second, third] = await addThree();
      for (const ids of [[first, second], [first, second, second], [first, second, systemIds.rule()], []]) {
        await expect(rules().order(ids)).rejects.toMatchObject({ code: "BODY_INVALID" });
      }
      expect((await rules().list()).map((rule) => rule.id)).toEqual([first, second, third]);
    });
  });

  describe("groups", () => {
    const groups = () => subject.store().groups;
    const macs: GroupInput = { match: { os: "darwin" } };
    const listed: GroupInput = { nodes: ["mac-mini", "linux-gpu"], match: { gpu: true } };

    test("are kept by name, listed by it, after a restart too", async () => {
      await Promise.all([groups().put("Mac-nodes", macs), groups().put("everything", listed)]);
      await subject.reopen();
      expect(await groups().list()).toEqual([
        { ...listed, name: "everything" },
        { ...macs, name: "Mac-nodes" },
      ]);
    });

    test("are replaced and removed whatever the case of the name", async () => {
      await groups().put("Mac-Nodes", macs);
      await groups().put("mac-nodes", listed);
      expect(await groups().list()).toEqual([{ ...listed, name: "mac-nodes" }]);
      expect(await groups().remove("MAC-NODES")).toBe(true);
      expect(await groups().remove("mac-nodes")).toBe(false);
      expect(await groups().list()).toEqual([]);
    });
  });

  describe("session bindings", () => {
    const sessions = () => subject.store().sessions;
    const nowMs = Date.now();
    const days = 24 * 3600 * 1000;

    test("are kept per token and session, and replaced, after a restart too", async () => {
      const old = { nodeId: systemIds.node(), boundAtMs: nowMs - 9, lastUsedAtMs: nowMs - 9, runtime: null };
      const binding = {
        nodeId: systemIds.node(),
        boundAtMs: nowMs - 8,
        lastUsedAtMs: nowMs,
        runtime: "zeroclaw",
      } as const;
      await sessions().bind("token_a", "garden", old);
      await sessions().bind("token_a", "garden", binding);
      await sessions().bind("token_b", "garden", old);
      await subject.reopen();
      expect(await sessions().list()).toEqual([
        { ...old, subject: "token_b", session: "garden" },
        { ...binding, subject: "token_a", session: "garden" },
      ]);
    });

    test("are forgotten 30 days after their last use", async () => {
      const nodeId = systemIds.node();
      const kept = { nodeId, boundAtMs: 0, lastUsedAtMs: nowMs - 29 * days, runtime: null };
      await sessions().bind("token_a", "old", { ...kept, lastUsedAtMs: nowMs - 31 * days });
      await sessions().bind("token_a", "kept", kept);
      expect(await sessions().list()).toEqual([{ ...kept, subject: "token_a", session: "kept" }]);
    });

    test("are at most 100,000, the longest unused forgotten first", async () => {
      const nodeId = systemIds.node();
      const count = 100_003;
      for (let index = 0; index < count; index += 10_000) {
        const some = Array.from({ length: Math.min(10_000, count - index) }, (_, offset) =>
          sessions().bind("token_a", `session ${index + offset}`, {
            nodeId,
            boundAtMs: 0,
            lastUsedAtMs: nowMs - count + index + offset,
            runtime: null,
          }),
        );
        await Promise.all(some);
      }
      const kept = await sessions().list();
      expect(kept).toHaveLength(100_000);
      expect(kept[0]?.session).toBe("session 3");
    }, 30_000);
  });
}
