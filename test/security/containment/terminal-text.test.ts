/**
 * Every field that a hostile node fills, in every output that shows it: none of what steers a terminal, hides or breaks lines
 * arrives raw. One mesh, one node that says one hostile text wherever it can, and the command line in its three manners.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createLog } from "../../../src/platform/log.ts";
import type { RuntimeStatus } from "../../../src/protocol/node.ts";
import { type CliBench, createCliBench } from "../../support/cli-run.ts";
import { type FakeNode, readyRuntime, toRef } from "../../support/fake-node.ts";
import { hostileStrings, rawIn, withoutOwnSequences } from "../../support/hostile-strings.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

const logs = { text: [] as string[], json: [] as string[] };
let keys = 0;

const textLog = createLog({ format: "text", level: "debug", write: (line) => logs.text.push(line) });
const jsonLog = createLog({ format: "json", level: "debug", write: (line) => logs.json.push(line) });
const bothLogs = (level: "debug" | "info" | "warn" | "error") => (message: string, facts?: object) => {
  textLog[level](message, facts as never);
  jsonLog[level](message, facts as never);
};
const log = {
  debug: bothLogs("debug"),
  info: bothLogs("info"),
  warn: bothLogs("warn"),
  error: bothLogs("error"),
  child: () => log,
};

let coordinator: TestCoordinator;
let bench: CliBench;
let node: FakeNode;
let unready: FakeNode;
let isOver = false;

beforeAll(async () => {
  coordinator = await createTestCoordinator({ log });
  bench = await createCliBench();
});
afterAll(async () => {
  isOver = true;
  await bench[Symbol.asyncDispose]();
  await coordinator[Symbol.asyncDispose]();
});

const nameOf = (name: string) => name as FakeNode["hello"]["name"];
const statusOf = (text: string): RuntimeStatus[] => [
  { ...readyRuntime, kind: "openclaw", version: text.slice(0, 128) },
  { ...readyRuntime, kind: "openai", ready: false, version: text.slice(0, 128), reason: text },
];

/** Works as it is told by the message, in the words of the text. */
async function serve(one: FakeNode, text: string): Promise<void> {
  for (;;) {
    const offer = await one.nextOffer().catch(() => null);
    if (offer === null || isOver) return;
    const ref = toRef(offer);
    one.started(ref);
    if (offer.content.startsWith("fail")) {
      const failure = { class: "runtime_error", kind: "bad_request", message: text } as const;
      one.send({ type: "failed", ...ref, failure });
      continue;
    }
    // Cut into single units, so that no chunk holds a whole sequence.
    for (let at = 0; at < Math.min(text.length, 64); at += 1) one.chunk(ref, at, text[at] ?? "");
    one.result(ref, text);
  }
}

interface Stage {
  readonly text: string;
  readonly succeeded: string;
  readonly failed: string;
}

/** The mesh filled with one text. */
async function stageFor(text: string): Promise<Stage> {
  // A node's own token would open so many links only after a while.
  const { token } = coordinator;
  const [before, beforeUnready] = [node as FakeNode | undefined, unready as FakeNode | undefined];
  const software = text.slice(0, 64);
  const loud = { name: nameOf("loud"), software, slots: 100, runtimes: statusOf(text) };
  const mute = { name: nameOf("mute"), software, runtimes: statusOf(text).slice(1) };
  node =
    before === undefined
      ? await coordinator.join(loud)
      : await coordinator.rejoin(before, { ...loud, token });
  unready =
    beforeUnready === undefined
      ? await coordinator.join(mute)
      : await coordinator.rejoin(beforeUnready, { ...mute, token });
  void serve(node, text);
  const wellFormed = text.toWellFormed();
  const add = async (content: string) => {
    const { body } = await coordinator.call("POST", "/api/v1/tasks", {
      body: {
        content: `${content} ${wellFormed}`,
        target: "loud",
        source: wellFormed.slice(0, 256),
        session: wellFormed.slice(0, 256),
        labels: { [wellFormed.slice(0, 64)]: wellFormed.slice(0, 256) },
      },
    });
    await until("it ends", async () => {
      const task = await coordinator.call("GET", `/api/v1/tasks/${body.id}`);
      return task.body.state === "succeeded" || task.body.state === "failed";
    });
    return body.id as string;
  };
  return { text, succeeded: await add("say"), failed: await add("fail") };
}

/** Every message is a new one. */
const nextKey = () => {
  keys += 1;
  return `key-${keys}`;
};

type Command = (stage: Stage) => readonly string[];
const commands: Readonly<Record<string, Command>> = {
  nodes: () => ["nodes"],
  status: () => ["status"],
  "task list": () => ["task", "list"],
  "task show, succeeded": ({ succeeded }) => ["task", "show", succeeded],
  "task show, failed": ({ failed }) => ["task", "show", failed],
  "task watch": ({ succeeded }) => ["task", "watch", succeeded],
  "dead-letter list": () => ["dead-letter", "list"],
  "dead-letter show": ({ failed }) => ["dead-letter", "show", failed],
  "route explain": ({ text }) => ["route", "explain", `say ${text.toWellFormed()}`],
  "send, answered": () => ["send", "--node", "loud", "say", "--key", nextKey()],
  "send, failed": () => ["send", "--node", "loud", "fail", "--key", nextKey()],
  "send to what is not there": ({ text }) => [
    "send",
    "--node",
    `x${text.toWellFormed()}`.slice(0, 60),
    "say",
  ],
  "audit list": () => ["audit", "list"],
  doctor: () => ["doctor"],
};

const manners = {
  "on a terminal": { options: { isTerminal: true, hasColour: true }, flags: [] },
  "into a pipe": { options: { isTerminal: false }, flags: [] },
  "as JSON": { options: { isTerminal: false }, flags: ["--json"] },
} as const;

describe.each(Object.entries(hostileStrings))("%s", (_, text) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await stageFor(text);
  });

  for (const [name, toArgs] of Object.entries(commands)) {
    for (const [manner, { options, flags }] of Object.entries(manners)) {
      test(`never arrives raw in ${name} ${manner}`, async () => {
        const args = [
          ...flags,
          "--coordinator",
          `http://127.0.0.1:${coordinator.port()}`,
          "--token",
          coordinator.token,
        ];
        const run = await bench.run([...toArgs(stage), ...args], options);
        const shown = run.stdout + run.stderr;
        expect(shown.length).toBeGreaterThan(10);
        expect(rawIn(withoutOwnSequences(shown))).toBeNull();
        // Exactly the same is said: escapes only.
        if (name === "send, answered" && flags.length > 0) expect(JSON.parse(run.stdout).response).toBe(text);
      });
    }
  }

  test("never arrives raw in the coordinator's log, as text or as JSON, nor starts a line of its own", async () => {
    const lost = await coordinator.send("lose", { to: "loud" });
    expect(lost.status).toBe(200);
    unready.send({ type: "goodbye", reason: text.slice(0, 256) });
    await unready.closed;
    await until("it is logged", () =>
      Promise.resolve(logs.text.some((line) => line.includes("node deregistered"))),
    );
    for (const lines of [logs.text, logs.json]) expect(rawIn(lines.join(""))).toBeNull();
    for (const line of logs.json.join("").trimEnd().split("\n"))
      expect(JSON.parse(line)).toHaveProperty("level");
    for (const line of logs.text.join("").trimEnd().split("\n")) expect(line).toMatch(/^\d{4}-\d\d-\d\dT/);
    logs.text.length = 0;
    logs.json.length = 0;
  });
});

test("what is looked for is in the hostile texts: none but those that are plain characters pass as they are", () => {
  const plain = Object.entries(hostileStrings).flatMap(([name, text]) =>
    rawIn(text) === null ? [name] : [],
  );
  expect(plain).toEqual(["HTML", "attributes and templates", "shell and options", "format directives"]);
});
