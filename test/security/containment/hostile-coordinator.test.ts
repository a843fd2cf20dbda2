/** A coordinator that means harm to the machines of its nodes. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { maxDisowned } from "../../../src/node/disowned-attempts.ts";
import { maxKnownMeshes } from "../../../src/node/known-meshes.ts";
import { maxMoves } from "../../../src/node/move-limit.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createFetch } from "../../../src/platform/http-fetch.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { createLog } from "../../../src/platform/log.ts";
import { MeshError } from "../../../src/protocol/errors.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { createOpenaiRuntime } from "../../../src/runtimes/openai/index.ts";
import { hostileStrings, rawIn } from "../../support/hostile-strings.ts";
import { startOpenaiServer } from "../../support/openai-server.ts";
import { type RawCoordinator, type RawOptions, startRawCoordinator } from "../../support/raw-coordinator.ts";
import { createScriptedRuntime } from "../../support/scripted-runtime.ts";
import { createTempDir } from "../../support/temp-dir.ts";
import { createStatusRecorder, startTestAgent, type TestAgentOptions } from "../../support/test-agent.ts";
import { until } from "../../support/until.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A machine: the node's folder lies deep in one that must not change. */
async function createMachine() {
  const dir = await createTempDir();
  opened.push(() => dir[Symbol.asyncDispose]());
  const dataDir = join(dir.path, "home", "user", ".claw-mesh");
  mkdirSync(dataDir, { recursive: true });
  return {
    dataDir,
    /** All files outside the node's folder, which must be none, and those inside it. */
    files: () => {
      const all = readdirSync(dir.path, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name));
      const inside = all.filter((path) => path.startsWith(`${join(dataDir, "nodes")}/`));
      return {
        inside: inside.map((path) => path.slice(dataDir.length + 1)),
        outside: all.filter((path) => !inside.includes(path)),
      };
    },
  };
}

async function setUp(raw: RawOptions = {}, agentParts: Partial<TestAgentOptions> = {}) {
  const machine = await createMachine();
  const coordinator = startRawCoordinator(raw);
  opened.push(() => coordinator[Symbol.asyncDispose]());
  const runtime = createScriptedRuntime();
  const start = () =>
    startTestAgent({
      coordinatorUrl: coordinator.url,
      dataDir: machine.dataDir,
      runtimes: [runtime],
      ...agentParts,
    });
  return { machine, coordinator, runtime, start };
}

async function setUpLinked(raw: RawOptions = {}, agentParts: Partial<TestAgentOptions> = {}) {
  const world = await setUp(raw, agentParts);
  const agent = await world.start();
  opened.push(() => agent.stop(), world.runtime.close);
  return { ...world, agent };
}

const codeOf = (starting: Promise<unknown>) =>
  starting.then(
    () => "started",
    (error: unknown) => (error instanceof MeshError ? error.code : String(error)),
  );

const offerOf = (content: string, parts: object = {}) => ({
  type: "offer",
  task: systemIds.task(),
  attempt: 1,
  content,
  source: "test",
  effects: "unsafe",
  timeout_ms: 60_000,
  ...parts,
});

const frameOf = (coordinator: RawCoordinator, fits: (frame: RawCoordinator["frames"][number]) => boolean) =>
  until("the frame is there", () => Promise.resolve(coordinator.frames.some(fits)));

const hostileIds: Readonly<Record<string, unknown>> = {
  "a path upwards": "../../../../owned",
  "a path behind a good beginning": "mesh_../../../../owned",
  "a path behind a good id": `mesh_${"a".repeat(32)}/../../owned`,
  "an absolute path": "/tmp/owned",
  "a path of Windows": "..\\..\\owned",
  "a path in percent signs": "mesh_%2e%2e%2fowned",
  "a NUL": `mesh_${"a".repeat(31)}\u0000`,
  "a line break": `mesh_${"a".repeat(32)}\n`,
  "large letters": `mesh_${"A".repeat(32)}`,
  "too much": `mesh_${"a".repeat(4_000)}`,
  "a dot": ".",
  nothing: "",
  "no text": 5,
  "a list": ["mesh", "owned"],
  null: null,
};

describe("a node writes into no other folder than its own", () => {
  test.each(Object.entries(hostileIds))("when the mesh calls itself %s", async (_, meshId) => {
    const { machine, start } = await setUp({
      healthz: () => Response.json({ status: "ok", mesh_id: meshId, version: "test" }),
    });
    expect(await codeOf(start())).toBe("NOT_A_COORDINATOR");
    expect(machine.files()).toEqual({ inside: [], outside: [] });
  });

  const fields: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    ...Object.fromEntries(
      Object.entries(hostileIds).flatMap(([what, id]) => [
        [`a mesh id that is ${what}`, { mesh_id: id }],
        [
          `a node id that is ${what}`,
          { node_id: typeof id === "string" ? id.replace("mesh_", "node_") : id },
        ],
      ]),
    ),
    "a name that is a path": { name: "../../owned" },
    "a token with a line break": { token: `${"x".repeat(40)}\r\nX-Owned: 1` },
    "a token with a NUL": { token: `${"x".repeat(40)}\u0000` },
    "a token of a mebibyte": { token: "x".repeat(1024 * 1024) },
    "no beat": { beat_ms: 0 },
    "a beat that never comes": { beat_ms: 1e12 },
    "a beat before it began": { beat_ms: -1 },
    "no pause between two dials": { backoff_cap_ms: 0 },
    "a pause for ever": { backoff_cap_ms: 1e15 },
    "10,001 attempts to resume": {
      resume: Array.from({ length: 10_001 }, () => ({
        task: `task_${"a".repeat(32)}`,
        attempt: 1,
        offset: 0,
      })),
    },
    "another version": { version: 99 },
  };
  test.each(Object.entries(fields))("nor goes on with a welcome with %s", async (_, welcome) => {
    const stop = new AbortController();
    const { machine, coordinator, start } = await setUp({ welcome }, { signal: stop.signal });
    const starting = codeOf(start());
    await until("it hung up", () => Promise.resolve(coordinator.frames.length > 0));
    expect([4400, 4426]).toContain(await coordinator.closed());
    stop.abort(new MeshError("INTERNAL", "the test is over"));
    expect(await starting).not.toBe("started");
    const { inside, outside } = machine.files();
    expect(outside).toEqual([]);
    for (const file of inside) {
      expect(file).toMatch(
        new RegExp(
          `^nodes/${coordinator.meshId}/heron/(?:node\\.json|journal\\.db(?:-wal|-shm)?|lock(?:\\.pid)?)$`,
        ),
      );
    }
  });

  const texts = Object.entries(hostileStrings);
  test.each(texts)("nor elsewhere for an offer of %s, which the runtime gets as data", async (_, text) => {
    const { machine, coordinator, runtime } = await setUpLinked();
    const session = { key: "a".repeat(32), name: text.slice(0, 256) };
    const offer = offerOf(text, {
      source: text.slice(0, 256),
      session,
      labels: { [text.slice(0, 64)]: text.slice(0, 256) },
    });
    const before = machine.files();
    coordinator.send(offer);
    const { attempt } = await runtime.nextRun();
    expect(attempt).toMatchObject({ key: `${offer.task}.1`, content: text, source: offer.source });
    expect(attempt.session?.name).toBe(session.name);
    // Another mesh cannot name this one's conversation: the key is made anew on the node, of both.
    expect(attempt.session?.key).toMatch(/^[0-9a-f]{32}$/);
    expect(attempt.session?.key).not.toBe(session.key);
    expect(machine.files().outside).toEqual([]);
    expect(machine.files().inside.sort()).toEqual(before.inside.sort());
  });

  test("nor joins more than a few meshes an hour, though each answer names another", async () => {
    const stop = new AbortController();
    const welcome = {
      get mesh_id() {
        return systemIds.mesh();
      },
    };
    const lines: string[] = [];
    const log = createLog({ level: "warn", format: "json", write: (line) => lines.push(line) });
    const { machine, start } = await setUp({ welcome }, { signal: stop.signal, log });
    const starting = codeOf(start());
    await until("it waits", () => Promise.resolve(lines.some((line) => line.includes("with every answer"))));
    expect(readdirSync(join(machine.dataDir, "nodes"))).toHaveLength(1 + maxMoves);
    stop.abort(new MeshError("INTERNAL", "the test is over"));
    expect(await starting).toBe("INTERNAL");
  });

  test(`nor keeps folders of more than ${maxKnownMeshes} meshes, whatever a coordinator calls itself`, async () => {
    const { machine, start } = await setUp();
    for (let at = 0; at < maxKnownMeshes; at += 1) {
      mkdirSync(join(machine.dataDir, "nodes", systemIds.mesh()), { recursive: true });
    }
    expect(await codeOf(start())).toBe("DATA_DIR_UNUSABLE");
    expect(readdirSync(join(machine.dataDir, "nodes"))).toHaveLength(maxKnownMeshes);
  });
});

describe("a node hangs up on", () => {
  const good = offerOf("x");
  const messages: Readonly<Record<string, string>> = {
    "text that is no JSON": "{",
    "JSON that is no list": JSON.stringify(good),
    "a frame without a type": "[{}]",
    "a list in a list": "[[]]",
    "an offer whose task is a path": JSON.stringify([{ ...good, task: "../../owned" }]),
    "an offer whose attempt is 0": JSON.stringify([{ ...good, attempt: 0 }]),
    "an offer whose attempt is 1e9": JSON.stringify([{ ...good, attempt: 1e9 }]),
    "an offer of more than a message may hold": JSON.stringify([
      { ...good, content: "x".repeat(1024 * 1024 + 1) },
    ]),
    "an offer with a session key that is a path": JSON.stringify([
      { ...good, session: { key: "../../../../../../../../../../owned", name: "x" } },
    ]),
    "an offer with a session name of a mebibyte": JSON.stringify([
      { ...good, session: { key: "a".repeat(32), name: "x".repeat(1024 * 1024) } },
    ]),
    "an offer with a source of a mebibyte": JSON.stringify([{ ...good, source: "x".repeat(1024 * 1024) }]),
    "an offer for a runtime of its own": JSON.stringify([{ ...good, runtime: "/bin/sh" }]),
    "an offer with time without end": JSON.stringify([{ ...good, timeout_ms: 1e15 }]),
    "an offer with no time": JSON.stringify([{ ...good, timeout_ms: 0 }]),
    "a drain without end": JSON.stringify([{ type: "drain", deadline_ms: 1e15, reason: "x" }]),
    "a second welcome": JSON.stringify([{ type: "welcome" }]),
  };
  test.each(Object.entries(messages))("%s, and runs nothing", async (_, message) => {
    const { coordinator, runtime } = await setUpLinked();
    coordinator.sendText(message);
    expect(await coordinator.closed()).toBe(4400);
    expect(runtime.runs).toEqual([]);
  });
});

describe("a node takes no more than it can do", () => {
  test("of 10,000 offers: it runs as many as it has slots, refuses the rest, and remembers a bounded number", async () => {
    const { coordinator, runtime } = await setUpLinked();
    const offers = Array.from({ length: 10_000 }, (_, at) => offerOf(`offer ${at}`));
    for (let at = 0; at < offers.length; at += 2_000) coordinator.send(...offers.slice(at, at + 2_000));
    const last = offers.at(-1)?.task;
    await frameOf(coordinator, ({ type, task }) => type === "refuse" && task === last);
    expect(runtime.runs).toHaveLength(4);
    expect(coordinator.frames.filter(({ type }) => type === "refuse")).toHaveLength(10_000 - 4);
    expect(maxDisowned).toBeLessThanOrEqual(10_000);
  });

  test("of the same offer again and again: it runs once", async () => {
    const { coordinator, runtime } = await setUpLinked();
    const offer = offerOf("once");
    for (let sent = 0; sent < 100; sent += 1) coordinator.send(offer, offer);
    await frameOf(coordinator, ({ type }) => type === "started");
    expect(runtime.runs).toHaveLength(1);
  });

  test("of pings, acks and cancels of what never was: it goes on", async () => {
    const { coordinator, runtime } = await setUpLinked();
    const made = Array.from({ length: 2_000 }, () => ({ task: systemIds.task(), attempt: 1 }));
    for (let round = 0; round < 5; round += 1) {
      coordinator.send(...Array.from({ length: 10_000 }, () => ({ type: "ping" })));
      coordinator.send(...made.map((one) => ({ type: "ack", ...one, unknown: true })));
      coordinator.send(...made.map((one) => ({ type: "cancel", ...one, reason: "cancelled" })));
    }
    coordinator.send(offerOf("still here"));
    expect((await runtime.nextRun()).attempt.content).toBe("still here");
  });

  test("of 10,000 attempts to resume: it says of each that it never was", async () => {
    const resume = Array.from({ length: 10_000 }, () => ({ task: systemIds.task(), attempt: 1, offset: 0 }));
    const { coordinator, runtime } = await setUpLinked({ welcome: { resume } });
    await frameOf(coordinator, ({ type, task }) => type === "lost" && task === resume.at(-1)?.task);
    expect(runtime.runs).toEqual([]);
  });

  test("of an answer to a question that has no end: it gives up", async () => {
    const endless = new Uint8Array(1024 * 1024);
    let given = 0;
    const { start } = await setUp({
      healthz: () =>
        new Response(
          new ReadableStream<Uint8Array>({
            pull: (controller) => {
              given += 1;
              controller.enqueue(endless);
            },
          }),
        ),
    });
    expect(await codeOf(start())).not.toBe("started");
    expect(given).toBeLessThan(200);
  });
});

describe("a node shows its token to nobody else", () => {
  const redirects = [301, 302, 303, 307, 308];

  test.each(redirects)("when its coordinator answers /healthz with %d", async (status) => {
    const other = startRawCoordinator();
    opened.push(() => other[Symbol.asyncDispose]());
    const location = `${other.url}/healthz`;
    const { start } = await setUp({ healthz: () => new Response(null, { status, headers: { location } }) });
    expect(await codeOf(start())).toBe("NOT_A_COORDINATOR");
    expect(other.seen).toEqual([]);
  });

  test.each(redirects)("when its coordinator answers the upgrade with %d", async (status) => {
    const other = startRawCoordinator();
    opened.push(() => other[Symbol.asyncDispose]());
    const location = `${other.url}/api/v1/link`;
    const recorder = createStatusRecorder();
    const stop = new AbortController();
    const { coordinator, start } = await setUp(
      { link: () => new Response(null, { status, headers: { location } }) },
      { onStatus: recorder.onStatus, signal: stop.signal },
    );
    const starting = codeOf(start());
    await Promise.race([recorder.until("unreachable"), starting]);
    // The dial and the question why it failed.
    expect(coordinator.seen.filter(({ path }) => path === "/api/v1/link").length).toBeGreaterThan(1);
    stop.abort();
    await starting;
    expect(other.seen).toEqual([]);
  });

  test("when it asks which mesh is there: it says nothing yet", async () => {
    const { coordinator } = await setUpLinked();
    expect(coordinator.seen[0]).toEqual({ path: "/healthz", authorization: null });
  });
});

describe("keys of the runtime", () => {
  test("are in no frame, though the server repeats them in its errors", async () => {
    const apiKey = new Secret("canary-key-0123456789abcdef");
    await using server = await startOpenaiServer({ apiKey: null });
    const runtime = createOpenaiRuntime({
      endpoint: server.url,
      apiKey,
      model: null,
      sessions: "history",
      fetch: createFetch({ env: {} }),
      clock: systemClock,
    });
    const { coordinator } = await setUpLinked({}, { runtimes: [runtime] });
    const contents = [
      "status 401 bad",
      "status 500 bad",
      "status 429 insufficient_quota",
      "stream error bad",
      "page",
    ].map((what) => `${what}: your key is ${apiKey.reveal()}`);
    for (const content of contents) {
      const offer = offerOf(content);
      coordinator.send(offer);
      await frameOf(
        coordinator,
        ({ type, task }) => task === offer.task && (type === "failed" || type === "result"),
      );
    }
    const failures = coordinator.frames.filter(({ type }) => type === "failed");
    expect(failures.length).toBeGreaterThanOrEqual(4);
    expect(JSON.stringify(failures)).not.toContain(apiKey.reveal());
    expect(
      JSON.stringify(coordinator.frames.filter(({ type }) => type === "hello" || type === "status")),
    ).not.toContain(apiKey.reveal());
    await runtime.close();
  });

  test("cannot be in the address of a gateway, which is told in reasons", () => {
    for (const endpoint of ["http://user:key@127.0.0.1:1", "http://key@127.0.0.1:1"]) {
      const make = () =>
        createOpenaiRuntime({
          endpoint,
          apiKey: null,
          model: null,
          sessions: "history",
          fetch: createFetch({ env: {} }),
          clock: systemClock,
        });
      expect(make).toThrow(MeshError);
    }
  });
});

describe("the log of a node", () => {
  test.each(Object.entries(hostileStrings))(
    "stays readable when the coordinator says %s",
    async (_, text) => {
      const lines = { text: [] as string[], json: [] as string[] };
      const logs = (["text", "json"] as const).map((format) =>
        createLog({ format, level: "debug", write: (line) => lines[format].push(line) }),
      );
      const both = (level: "debug" | "info" | "warn" | "error") => (message: string, facts?: object) => {
        for (const log of logs) log[level](message, facts as never);
      };
      const log = {
        debug: both("debug"),
        info: both("info"),
        warn: both("warn"),
        error: both("error"),
        child: () => log,
      };
      const { coordinator, agent } = await setUpLinked({}, { log });
      const down = lines.text.length;
      coordinator.send({ type: "drain", deadline_ms: 0, reason: text.slice(0, 256) });
      await agent.done;
      expect(lines.text.length).toBeGreaterThan(down);
      const again = await setUpLinked({}, { log });
      again.coordinator.close(4000, text.slice(0, 30));
      await until("it is told", () => Promise.resolve(lines.text.some((line) => line.includes("link lost"))));
      expect(rawIn(lines.text.join(""))).toBeNull();
      expect(rawIn(lines.json.join(""))).toBeNull();
      for (const line of lines.text.join("").trimEnd().split("\n")) expect(line).toMatch(/^\d{4}-\d\d-\d\dT/);
    },
  );
});

describe("a node starts no program for a coordinator", () => {
  const sourceRoot = join(import.meta.dir, "..", "..", "..", "src");
  const modules = ["node", "link", "runtimes", "client"].flatMap((folder) =>
    readdirSync(join(sourceRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
      .map((path) => `${folder}/${path}`),
  );
  /**
   * Fixed commands: two look for graphics cards, one lets OpenClaw check a seed that the operator asked for. The adapters of
   * `acp` and `command` start what the operator of the node named, never what a message says.
   */
  const allowed: readonly string[] = [
    "node/gpu/find-gpus.ts",
    "node/seed/take-config.ts",
    "runtimes/acp/adapter.ts",
    "runtimes/acp/agent-process.ts",
    "runtimes/acp/message-stream.ts",
    "runtimes/command/command-run.ts",
    "runtimes/command/command-runtime.ts",
  ];

  test.each(modules.map((path) => [path]))("in %s", (path) => {
    const code = readFileSync(join(sourceRoot, path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    const starts =
      /\bBun\.(?:spawn|spawnSync|\$)|child_process|quick-command|child-processes|piped-process|background-process|\beval\(|new Function\(/.test(
        code,
      );
    expect(starts).toBe(allowed.includes(path));
  });
});
