/** What a hostile node may call itself, and how much of a coordinator it may use up. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminPrincipal, invitePrincipal } from "../../../src/coordinator/auth/principal.ts";
import type { MeshEvents } from "../../../src/coordinator/events/mesh-events.ts";
import { capabilityGapMs } from "../../../src/coordinator/nodes/capability-changes.ts";
import { maxKnownNodes } from "../../../src/coordinator/nodes/node-admission.ts";
import { createNodeRegistry } from "../../../src/coordinator/nodes/registry.ts";
import { createPreviewText } from "../../../src/coordinator/tasks/preview-text.ts";
import { createEventEmitter } from "../../../src/platform/event-emitter.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { Name, Skill, Tag } from "../../../src/protocol/capability.ts";
import type { AttemptRef } from "../../../src/protocol/link/v1/frames.ts";
import { maxChunkLength } from "../../../src/protocol/link/v1/frames.ts";
import { maxSnapshotLength } from "../../../src/protocol/task.ts";
import type { NodeRecord } from "../../../src/store/nodes.ts";
import { type FakeNode, openFakeLink, toHello, toRef } from "../../support/fake-node.ts";
import { hostileStrings, rawIn } from "../../support/hostile-strings.ts";
import { createManualClock } from "../../support/manual-clock.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let coordinator: TestCoordinator;
let honest: FakeNode;

const nameOf = (name: string) => name as FakeNode["hello"]["name"];

beforeAll(async () => {
  coordinator = await createTestCoordinator();
  honest = await coordinator.join({ name: nameOf("honest") });
});
afterAll(() => coordinator[Symbol.asyncDispose]());

/** The mesh goes on. */
async function works(): Promise<void> {
  const answer = coordinator.send("still here?", { to: "honest" });
  honest.answer(await honest.nextOffer("still here?"), "yes");
  expect((await answer).body.response).toBe("yes");
}

/** Says hello as it is given; the code of the close, or null when it was let in. */
async function greet(hello: object): Promise<number | null> {
  await using link = await openFakeLink({ port: coordinator.port(), token: coordinator.token });
  link.sendRaw(JSON.stringify([hello]));
  return Promise.race([link.closed.then(({ code }) => code), link.next("welcome").then(() => null)]);
}

const controls = Object.entries(hostileStrings).filter(([, text]) => rawIn(text.trim()) !== null);

describe("a node is not let in", () => {
  test.each(controls)("with a name of %s", async (_, text) => {
    expect(await greet({ ...toHello(), name: text.slice(-64) })).toBe(4400);
  });

  test.each(controls)("with a tag or a skill of %s", async (_, text) => {
    const { capabilities, ...hello } = toHello();
    const word = text.length > 64 ? text.slice(-64) : text;
    expect(await greet({ ...hello, capabilities: { ...capabilities, tags: [word] } })).toBe(4400);
    expect(await greet({ ...hello, capabilities: { ...capabilities, skills: [word] } })).toBe(4400);
  });

  const names: Readonly<Record<string, string>> = {
    HTML: "<img src=x>",
    "a path": "../../etc",
    "an absolute path": "/etc/passwd",
    "a flag": "--help",
    "Cyrillic among Latin letters": "m\u0430c-mini",
    "Greek among Latin letters": "\u03bfffice",
    "Lisu among Latin letters": "g\ua4f3od1",
    "Arabic digits among Latin letters": "mac\u0663",
    "Cyrillic among Chinese letters": "\u5bb6\u0430",
    "a phonetic letter": "\u0261ood1",
    "a small capital": "go\u1d0fd1",
    "a click": "evi\u01c01",
    "full-width letters": "\uff4d\uff41\uff43",
    "a ligature": "of\ufb01ce",
    "mathematical letters": "\u{1d5fa}\u{1d5ee}\u{1d5f0}",
    "a combining mark": "mac\u0301",
    "a filler": "mac\u3164",
    "the id of a node": `node_${"a".repeat(32)}`,
    nothing: "",
    "too much": "x".repeat(65),
  };
  test.each(Object.entries(names))("with a name that is %s", async (_, name) => {
    expect(await greet({ ...toHello(), name })).toBe(4400);
  });

  const lists: Readonly<Record<string, object>> = {
    "257 skills": { skills: Array.from({ length: 257 }, (_, at) => `s${at}`) },
    "65 tags": { tags: Array.from({ length: 65 }, (_, at) => `t${at}`) },
    "a skill of 65 characters": { skills: ["x".repeat(65)] },
    "a skill with a comma": { skills: ["a,b"] },
    "an operating system of its own": { os: "<b>" },
    "more memory than there is": { memory_gb: 1e300 },
    "memory that is no number": { memory_gb: null },
  };
  test.each(Object.entries(lists))("with %s", async (_, parts) => {
    const { capabilities, ...hello } = toHello();
    expect(await greet({ ...hello, capabilities: { ...capabilities, ...parts } })).toBe(4400);
  });

  const claims: Readonly<Record<string, object>> = {
    "10,001 running attempts": {
      running: Array.from({ length: 10_001 }, () => ({
        task: `task_${"a".repeat(32)}`,
        attempt: 1,
        offset: 0,
        started_at: "2026-01-01T00:00:00Z",
      })),
    },
    "10,001 outcomes": {
      unacknowledged: Array.from({ length: 10_001 }, () => ({ task: `task_${"a".repeat(32)}`, attempt: 1 })),
    },
    "10,001 slots": { slots: 10_001 },
    "17 runtimes": { runtimes: Array.from({ length: 17 }, () => toHello().runtimes[0]) },
    "a version of 65 characters": { software: "x".repeat(65) },
    "an attempt 1001": { unacknowledged: [{ task: `task_${"a".repeat(32)}`, attempt: 1001 }] },
    "an id that is a path": { node_id: "node_../../../../etc/passwd" },
  };
  test.each(Object.entries(claims))("with %s", async (_, parts) => {
    expect(await greet({ ...toHello(), ...parts })).toBe(4400);
  });
});

describe("a name, a tag and a skill", () => {
  test.each([
    "mac-mini",
    "办公室",
    "кузница",
    "γραφείο",
    "büro_2",
    "node.7",
    "mac-家",
    "サーバー1",
    "맥미니",
  ])("%s is fine for a name", (name) => {
    expect(Name.safeParse(name).success).toBeTrue();
  });

  test.each(["docker", "视频", "C++", "<script>", "home office", "❤️"])("%s is fine for a word", (word) => {
    expect([Tag.safeParse(word).success, Skill.safeParse(word).success]).toEqual([true, true]);
  });
});

describe("a node that claims all it may", () => {
  test("in its hello is answered, and others go on", async () => {
    const made = Array.from({ length: 10_000 }, () => ({ task: systemIds.task(), attempt: 1 }));
    const node = await coordinator.join({
      running: made.map((one) => ({ ...one, offset: 0, started_at: "2026-01-01T00:00:00.000Z" })),
      unacknowledged: made,
    });
    expect(node.welcome.resume).toEqual([]);
    await node.next("cancel", ({ task }) => task === made.at(-1)?.task);
    await works();
  });

  test("in its status is heard, as often as a flood is borne, and others go on", async () => {
    const node = await coordinator.join();
    const recovering = Array.from({ length: 10_000 }, () => ({ task: systemIds.task(), attempt: 1 }));
    const status = {
      type: "status",
      load: { in_flight: 0, cpu: 0, memory: 0 },
      slots: 1,
      runtimes: node.hello.runtimes,
      recovering,
    } as const;
    for (let sent = 0; sent < 5; sent += 1) node.send(status);
    await works();
  });

  test("by reports of attempts that are not its own gets an answer to each, or is closed; others go on", async () => {
    const node = await coordinator.join();
    const strays = Array.from({ length: 30_000 }, () => ({ task: systemIds.task(), attempt: 1 }));
    for (let at = 0; at < strays.length; at += 5_000) {
      node.send(...strays.slice(at, at + 5_000).map((one) => ({ type: "cancelled", ...one }) as const));
    }
    await works();
    const last = strays.at(-1) as AttemptRef;
    const ended = await Promise.race([
      node.closed.then(({ code }) => code),
      node.next("ack", ({ task }) => task === last.task).then(() => "answered" as const),
    ]);
    expect([4400, "answered"]).toContain(ended);
    await works();
  });
});

describe("text of a running attempt", () => {
  test("is kept to a mebibyte, however much comes and wherever it starts again", () => {
    const preview = createPreviewText();
    const piece = "x".repeat(maxChunkLength);
    for (let at = 0; at < 1_000; at += 1) preview.append(at * maxChunkLength, piece);
    preview.append(Number.MAX_SAFE_INTEGER - 10, "jump");
    for (let at = 0; at < 100; at += 1) preview.append(at * maxChunkLength, piece);
    const reader = preview.read();
    let length = 0;
    for (let part = reader.next(); part !== null; part = reader.next()) length += part.text.length;
    expect(length).toBeLessThanOrEqual(maxSnapshotLength);
  });

  test("of an answer beyond 8 MiB is let go, and the attempt fails as too large", async () => {
    const answer = coordinator.send("an endless answer", { to: "honest", parts: { timeout_s: 30 } });
    const ref = toRef(await honest.nextOffer("an endless answer"));
    const text = "x".repeat(maxChunkLength);
    const chunks = 8 * 16 + 64;
    honest.started(ref);
    for (let at = 0; at < chunks; at += 1) {
      honest.send({ type: "chunk", ...ref, offset: at * maxChunkLength, text, final: true });
    }
    honest.send({ type: "result", ...ref, length: chunks * maxChunkLength, sha256: "0".repeat(64) });
    expect((await answer).body).toMatchObject({ code: "ANSWER_TOO_LARGE" });
    await works();
  });

  test("whose checksum or length is another's is no answer", async () => {
    for (const parts of [
      { length: 99, text: "short" },
      { length: 5, text: "short", sha256: "0".repeat(64) },
    ]) {
      const answer = coordinator.send("a damaged answer", { to: "honest" });
      const ref = toRef(await honest.nextOffer("a damaged answer"));
      honest.started(ref);
      honest.send({ type: "result", ...ref, ...parts });
      expect((await answer).status).toBe(502);
    }
  });
});

describe("the registry", () => {
  const make = async (parts: { readonly maxNodes?: number } = {}) => {
    const clock = createManualClock();
    const stored: NodeRecord[] = [];
    const registry = await createNodeRegistry({
      store: { list: async () => [], save: async (record) => void stored.push(record) },
      clock,
      ids: systemIds,
      events: createEventEmitter<MeshEvents>(),
      isGroupName: () => false,
      log: silentLog,
      ...parts,
    });
    return { registry, clock, stored };
  };

  test("knows 20,000 nodes at most, unless it is told otherwise", () => {
    expect(maxKnownNodes).toBe(20_000);
  });

  test("writes one change of a node's capabilities in a second, the newest, and none that says nothing new", async () => {
    const { registry, clock, stored } = await make();
    const hello = toHello();
    const { node } = await registry.admit(hello, adminPrincipal);
    const before = stored.length;
    const tell = (memory_gb: number) => registry.setCapabilities(node, { ...hello.capabilities, memory_gb });
    for (let sent = 0; sent < 1_000; sent += 1) await registry.setCapabilities(node, hello.capabilities);
    expect(stored.length - before).toBe(0);
    for (let memory = 1; memory <= 1_000; memory += 1) await tell(100 + memory);
    expect(stored.length - before).toBe(1);
    clock.advance(capabilityGapMs);
    await Bun.sleep(0);
    expect(stored.length - before).toBe(2);
    expect(node.record.capabilities.memory_gb).toBe(1_100);
  });

  test("knows so many nodes and no more, those that have left among them; removed ones make room", async () => {
    const { registry } = await make({ maxNodes: 3 });
    const join = async () => (await registry.admit(toHello(), invitePrincipal("x".repeat(64)))).node;
    const first = await join();
    await join();
    const third = await join();
    await registry.hide(third, false);
    expect(await join().catch((error: { code?: string }) => error.code)).toBe("MESH_FULL");
    await registry.hide(first, true);
    await join();
    expect(await join().catch((error: { code?: string }) => error.code)).toBe("MESH_FULL");
  });
});
