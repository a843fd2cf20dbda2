/** Texts that nest without end: a megabyte of brackets costs a parser hundreds of megabytes, so that nobody parses them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createAnswerReading } from "../../../src/coordinator/direct/answer-reading.ts";
import { createCallBudget } from "../../../src/coordinator/direct/call-budget.ts";
import { toDeliveryOutcome } from "../../../src/coordinator/direct/delivery-outcome.ts";
import { createDirectLink } from "../../../src/coordinator/direct/direct-link.ts";
import { decodeCoordinatorFrames, decodeNodeFrames } from "../../../src/link/frame-codec.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { createSafeFetch, type SafeAnswer, type SafeRequest } from "../../../src/platform/safe-fetch.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { openFakeLink } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

const root = join(import.meta.dir, "../../..");

/** What reads with `JSON.parse` itself, and why it may. */
const ownTexts: Readonly<Record<string, string>> = {
  "src/protocol/json-text.ts": "the one that looks first",
  "src/node/identity.ts": "node.json, which this program has written",
  "src/node/journal.ts": "the journal, which this program has written",
  "src/store/sqlite/row.ts": "the store, which this program has written",
  "src/platform/coordinator-file.ts": "what a coordinator of this user has written beside its data",
  "src/platform/log.ts": "a line that this process has just made",
  "src/cli/task-lines.ts": "a file that the user names",
  "src/cli/actions/lab.ts": "a file that the user names",
};

const deep = (bytes: number) => "[".repeat(bytes / 2) + "]".repeat(bytes / 2);

let mesh: TestCoordinator;
let nodeToken: string;
let nodeId: string;

beforeAll(async () => {
  mesh = await createTestCoordinator();
  const node = await mesh.join();
  ({ token: nodeToken, nodeId } = node);
  await node.close();
});
afterAll(() => mesh[Symbol.asyncDispose]());

test("no text from outside is parsed but by the one that looks first how deep it is", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter(({ name }) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1));
  const found = files.filter((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return /JSON\.parse\(|\.json\(\)/.test(text) && !file.startsWith("src/lab/");
  });
  expect(found.sort()).toEqual(Object.keys(ownTexts).sort());
});

describe("a deep body is refused", () => {
  const bodies: Readonly<Record<string, string>> = {
    arrays: deep(15_000),
    "arrays without an end": "[".repeat(15_000),
    objects: `${'{"a":'.repeat(2_000)}1${"}".repeat(2_000)}`,
    "deep content in an object in order": `{"status":"online","x":${deep(10_000)}}`,
  };
  test.each(Object.entries(bodies))("at the heartbeat of a node: %s", async (_, rawBody) => {
    const path = `/api/v1/nodes/${nodeId}/heartbeat`;
    const answer = await mesh.call("POST", path, { rawBody, token: nodeToken });
    expect([answer.status, answer.body.code]).toEqual([400, "BODY_NOT_JSON"]);
  });

  test.each(Object.entries(bodies))("where messages are sent: %s", async (_, rawBody) => {
    const answer = await mesh.call("POST", "/api/v1/route", { rawBody });
    expect([answer.status, answer.body.code]).toEqual([400, "BODY_NOT_JSON"]);
  });
});

describe("a body that is longer than a node has any use for is not read", () => {
  test.each([
    ["heartbeat", (): string => `/api/v1/nodes/${nodeId}/heartbeat`, 16 * 1024],
    ["registration", (): string => "/api/v1/nodes/register", 64 * 1024],
  ] as const)("as a %s", async (_, path, limit) => {
    const send = (bytes: number) =>
      mesh.call("POST", path(), {
        rawBody: JSON.stringify({ status: "x".repeat(bytes - 13) }),
        token: nodeToken,
      });
    expect((await send(limit + 1)).body.code).toBe("BODY_TOO_LARGE");
    expect((await send(limit)).body.code).toBe("BODY_INVALID");
  });
});

describe("a deep answer of a direct endpoint", () => {
  const ref = { task: systemIds.task(), attempt: 1 };
  const answered = (status: number, text: string) =>
    ({ kind: "answered", status, headers: new Headers(), text }) as const;

  test("is a fault of the node, found without parsing it", () => {
    const { frame } = toDeliveryOutcome(ref, answered(200, deep(16_000_000)));
    expect(frame).toMatchObject({ type: "failed", failure: { class: "runtime_error", kind: "internal" } });
    const { frame: refused } = toDeliveryOutcome(ref, answered(500, deep(60_000)));
    expect(refused).toMatchObject({ type: "failed", failure: { class: "runtime_error", kind: "internal" } });
  });

  test("that is an error is read to 64 KiB", async () => {
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response(deep(4_000_000), { status: 500 }),
    });
    const asked: SafeRequest[] = [];
    const safeFetch = createSafeFetch({ clock: systemClock, allowPrivate: true });
    const { promise, resolve } = Promise.withResolvers<SafeAnswer>();
    const link = createDirectLink({
      nodeId: systemIds.node(),
      target: () => ({
        endpoint: `127.0.0.1:${server.port}`,
        origin: `http://127.0.0.1:${server.port}`,
        token: new Secret("secret"),
      }),
      safeFetch: async (request) => {
        asked.push(request);
        const answer = await safeFetch(request);
        resolve(answer);
        return answer;
      },
      budget: createCallBudget(),
      reading: createAnswerReading(),
      clock: systemClock,
      probe: () => Promise.resolve(true),
      lastSeenMs: () => 0,
      onFrame: () => {},
      onOutcome: () => {},
      onDrain: () => {},
      onClosed: () => {},
    });
    link.send({ type: "offer", ...ref, content: "x", source: "x", effects: "safe", timeout_ms: 5_000 });
    const answer = await promise;
    expect(answer.kind === "answered" && answer.text.length).toBe(64 * 1024);
    expect(asked).toHaveLength(1);
  });
});

describe("a text of nothing but parts", () => {
  const many = `[${"[],".repeat(300_000)}1]`;

  test("is no message on a link, for either end", () => {
    const text = `[{"type":"pong","x":${many}}]`;
    const refused = { ok: false, reason: "the message has too many parts" } as const;
    expect(decodeNodeFrames(text)).toEqual(refused);
    expect(decodeCoordinatorFrames(text)).toEqual(refused);
  });

  test("is no answer of a direct endpoint, though all that an answer has is there", () => {
    const text = `{"message_id":"m","node_id":"n","response":"r","x":${many}}`;
    const ref = { task: systemIds.task(), attempt: 1 };
    const answer = { kind: "answered", status: 200, headers: new Headers(), text } as const;
    expect(toDeliveryOutcome(ref, answer).frame).toMatchObject({ type: "failed" });
  });
});

describe("a deep message on a link is no message", () => {
  const text = `[{"type":"pong","x":${deep(200_000)}}]`;

  test("for a coordinator", () => {
    expect(decodeNodeFrames(text)).toEqual({ ok: false, reason: "the message is not a JSON array" });
  });

  test("for a node", () => {
    expect(decodeCoordinatorFrames(text)).toEqual({ ok: false, reason: "the message is not a JSON array" });
  });

  test("so that whoever sends it again and again is kept away", async () => {
    const breakLink = async (): Promise<number> => {
      await using link = await openFakeLink({ port: mesh.port(), token: nodeToken });
      link.sendRaw(text);
      return (await link.closed).code;
    };
    for (let broken = 0; broken < 6; broken += 1) expect(await breakLink()).toBe(4400);
    await expect(breakLink()).rejects.toThrow("did not open");
  });
});
