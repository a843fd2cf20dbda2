import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { systemIds } from "../../platform/ids.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import type { RuntimeStatus } from "../../protocol/node.ts";
import type { NodeRecord } from "../../store/nodes.ts";
import { MeshNode } from "./mesh-node.ts";

const statusOf = (kind: RuntimeKind, slots?: number, ready = true): RuntimeStatus => ({
  kind,
  version: null,
  ready,
  reason: ready ? null : "it is away",
  active: null,
  queued: null,
  ...(slots === undefined ? {} : { slots }),
});

function nodeOf(...runtimes: readonly RuntimeStatus[]): MeshNode {
  const capabilities = { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] };
  const record: Partial<NodeRecord> = {
    id: systemIds.node(),
    name: "heron",
    capabilities,
    addedTags: [],
    removedTags: [],
    lastSeenAtMs: 0,
  };
  const node = new MeshNode(record as NodeRecord);
  node.slots = 10;
  node.setRuntimes(runtimes);
  return node;
}

const freeOf = (node: MeshNode) => (node.freeRuntimes === null ? null : [...node.freeRuntimes]);

describe("the slots of a node's runtimes", () => {
  test("are counted where a message is likely to go, until the node says where it went", () => {
    const node = nodeOf(statusOf("openclaw", 1), statusOf("openai", 1));
    const first = node.takeSlot(null);
    expect([first, freeOf(node)]).toEqual(["openclaw", ["openai"]]);
    node.moveSlot(first, "openai");
    expect(freeOf(node)).toEqual(["openclaw"]);
    node.giveSlotBack("openai");
    expect(freeOf(node)).toEqual(["openclaw", "openai"]);
    expect(node.inFlight).toBe(0);
  });

  test("are free only of those that are ready", () => {
    const node = nodeOf(statusOf("openclaw", 1, false), statusOf("openai", 1));
    expect(freeOf(node)).toEqual(["openai"]);
    expect(node.takeSlot(null)).toBe("openai");
    expect(freeOf(node)).toEqual([]);
    node.setRuntimes([statusOf("openclaw", 1), statusOf("openai", 2)]);
    expect(freeOf(node)).toEqual(["openclaw", "openai"]);
  });

  test("do not count on a node that does not tell them, or has one runtime", () => {
    expect(freeOf(nodeOf(statusOf("openclaw"), statusOf("openai")))).toBeNull();
    expect(freeOf(nodeOf(statusOf("openclaw", 1)))).toBeNull();
  });

  test("come out even, whatever is taken, moved and given back", () => {
    const kinds = ["openclaw", "openai", "echo"] as const;
    const step = fc.oneof(
      fc.record({
        do: fc.constant("take" as const),
        need: fc.constantFrom(null, "first" as const, ...kinds),
      }),
      fc.record({ do: fc.constant("move" as const), at: fc.nat(20), to: fc.constantFrom(...kinds) }),
      fc.record({ do: fc.constant("give" as const), at: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const node = nodeOf(...kinds.map((kind) => statusOf(kind, 2)));
        const held: (RuntimeKind | null)[] = [];
        for (const one of steps) {
          if (one.do === "take") held.push(node.takeSlot(one.need));
          else if (held.length === 0) continue;
          else if (one.do === "move") {
            const at = one.at % held.length;
            node.moveSlot(held[at] ?? null, one.to);
            held[at] = one.to;
          } else node.giveSlotBack(held.splice(one.at % held.length, 1)[0] ?? null);
          const free = kinds.filter((kind) => held.filter((other) => other === kind).length < 2);
          expect(freeOf(node)).toEqual(free);
          expect(node.inFlight).toBe(held.length);
        }
      }),
    );
  });
});
