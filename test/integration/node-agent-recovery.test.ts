import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readBootId } from "../../src/platform/boot-id.ts";
import { createSecret, systemIds } from "../../src/platform/ids.ts";
import { silentLog } from "../../src/platform/log.ts";
import type { MeshError } from "../../src/protocol/errors.ts";
import { type AttemptRef, closeCodes } from "../../src/protocol/link/v1/frames.ts";
import { Secret } from "../../src/protocol/secret.ts";
import type { RunOutcome } from "../../src/runtimes/runtime.ts";
import { startAgentProcess } from "../support/agent-process.ts";
import { type LinkCoordinatorOptions, startLinkCoordinator } from "../support/link-coordinator.ts";
import { createScriptedRuntime, type ScriptedRuntime } from "../support/scripted-runtime.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import {
  createStatusRecorder,
  makeDataDir,
  startTestAgent,
  type TestAgentOptions,
} from "../support/test-agent.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  // Runs and links go before the agents, so that these have nothing to wait for.
  for (const close of opened.splice(0)) await close();
});

const first: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of first.splice(0)) await close();
});

function openCoordinator(options: LinkCoordinatorOptions = {}) {
  const coordinator = startLinkCoordinator(options);
  opened.unshift(coordinator.stop);
  return coordinator;
}

async function openDataDir() {
  const dataDir = await makeDataDir();
  first.push(dataDir.stop);
  return dataDir.path;
}

async function openAgent(
  options: Pick<TestAgentOptions, "coordinatorUrl" | "dataDir"> & Partial<TestAgentOptions>,
) {
  const [runtime = createScriptedRuntime()] = options.runtimes ?? [];
  opened.unshift(runtime.close);
  const agent = await startTestAgent({ ...options, runtimes: [runtime] });
  opened.push(() => agent.stop());
  return { agent, runtime: runtime as ScriptedRuntime };
}

const of = (ref: { task: string; attempt: number }) => (frame: { task: string; attempt: number }) =>
  frame.task === ref.task && frame.attempt === ref.attempt;

const codeOf = (starting: Promise<unknown>): Promise<unknown> =>
  starting.then(
    () => "it started",
    (error: MeshError) => error.code,
  );

async function nodeFolder(dataDir: string): Promise<string> {
  const [mesh = ""] = await readdir(join(dataDir, "nodes"));
  return join(dataDir, "nodes", mesh, "heron");
}

describe("a lost link", () => {
  test("does not stop what runs; the outcome waits in the journal and comes with the next link", async () => {
    const before = openCoordinator();
    const { runtime } = await openAgent({ coordinatorUrl: before.url, dataDir: await openDataDir() });
    const ref = before.offer("go on without me");
    const run = await runtime.nextRun();
    await before.find("started", of(ref));
    await before.stop();
    run.succeed("done meanwhile");
    const after = openCoordinator({ port: before.port, meshId: before.meshId, tokens: before.tokens });
    after.setWelcome({ resume: [{ ...ref, offset: 0 }] });
    const hello = await after.nextHello();
    expect(hello.unacknowledged).toEqual([ref]);
    expect(hello.running).toEqual([]);
    expect((await after.find("result", of(ref))).text).toBe("done meanwhile");
  });

  test("is taken up by the same node with its own token", async () => {
    const before = openCoordinator();
    const { agent } = await openAgent({ coordinatorUrl: before.url, dataDir: await openDataDir() });
    await before.stop();
    const tokens = [...before.tokens].filter(([, nodeId]) => nodeId !== null);
    const after = openCoordinator({ port: before.port, meshId: before.meshId, tokens });
    const hello = await after.nextHello();
    expect<string | undefined>(hello.node_id).toBe(agent.nodeId);
    expect(hello.instance).toBe(before.hellos[0]?.instance as string);
  });

  test("keeps long answers too", async () => {
    const before = openCoordinator();
    const { runtime } = await openAgent({ coordinatorUrl: before.url, dataDir: await openDataDir() });
    const ref = before.offer("long");
    const run = await runtime.nextRun();
    await before.stop();
    const text = "0123456789".repeat(100_000);
    run.succeed(text);
    const after = openCoordinator({ port: before.port, meshId: before.meshId, tokens: before.tokens });
    expect((await after.find("result", of(ref))).length).toBe(text.length);
    const pieces = after.frames.filter((frame) => frame.type === "chunk");
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  });

  test("streams again from where the coordinator is", async () => {
    const before = openCoordinator();
    const { runtime } = await openAgent({ coordinatorUrl: before.url, dataDir: await openDataDir() });
    const ref = before.offer("stream");
    const run = await runtime.nextRun();
    run.say("one two ");
    await before.find("chunk", of(ref));
    await before.stop();
    run.say("three ");
    const after = openCoordinator({ port: before.port, meshId: before.meshId, tokens: before.tokens });
    after.setWelcome({ resume: [{ ...ref, offset: 4 }] });
    const hello = await after.nextHello();
    expect(hello.running).toMatchObject([{ ...ref, offset: 14 }]);
    expect(await after.find("chunk", of(ref))).toMatchObject({ offset: 4, text: "two three " });
    run.say("four");
    expect(await after.find("chunk", of(ref))).toMatchObject({ offset: 14, text: "four" });
    run.succeed("one two three four");
    await after.find("result", of(ref));
  });

  test("that went silent is given up and dialed again", async () => {
    const coordinator = openCoordinator({ beatMs: 100 });
    const proxy = await startTcpProxy(coordinator.port);
    first.push(proxy.stop);
    const { runtime } = await openAgent({
      coordinatorUrl: `http://127.0.0.1:${proxy.port}`,
      dataDir: await openDataDir(),
    });
    const ref = coordinator.offer("patience");
    const run = await runtime.nextRun();
    await coordinator.find("started", of(ref));
    proxy.goSilent(true);
    await coordinator.nextClose();
    run.succeed("here I am");
    proxy.goSilent(false);
    expect((await coordinator.find("result", of(ref))).text).toBe("here I am");
  });
});

describe("an agent that was killed", () => {
  test("brings the outcome that nobody had acknowledged", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({ coordinatorUrl: coordinator.url, dataDir, echoDelayMs: 0 });
    const ref = coordinator.offer("keep this");
    const { text } = await coordinator.find("result", of(ref));
    await process.kill();
    await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    expect(coordinator.hellos.at(-1)?.unacknowledged).toEqual([ref]);
    expect((await coordinator.find("result", of(ref))).text).toBe(text as string);
    coordinator.send({ type: "ack", ...ref });
  });

  test("forgets what was acknowledged", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({ coordinatorUrl: coordinator.url, dataDir, echoDelayMs: 0 });
    const [one, two] = [coordinator.offer("one"), coordinator.offer("two")];
    await coordinator.find("result", of(one));
    coordinator.send({ type: "ack", ...one });
    await coordinator.find("result", of(two));
    // A frame that comes after the ack was handled and journalled.
    const three = coordinator.offer("three");
    await coordinator.find("result", of(three));
    await process.kill();
    await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    expect(coordinator.hellos.at(-1)?.unacknowledged).toEqual([two, three]);
  });

  test("reports the run it left behind as lost and fenced", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({
      coordinatorUrl: coordinator.url,
      dataDir,
      echoDelayMs: 60_000,
    });
    const ref = coordinator.offer("cut off");
    await coordinator.find("started", of(ref));
    await process.kill();
    coordinator.setWelcome({ resume: [{ ...ref, offset: 0 }] });
    const { runtime } = await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    expect(await coordinator.find("lost", of(ref))).toMatchObject({ started: true, fenced: true });
    expect(runtime.fenced).toEqual([`${ref.task}.${ref.attempt}` as never]);
    expect(coordinator.frames.filter((frame) => frame.type === "lost").length).toBe(1);
  });

  test("takes up the run where its runtime can", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({
      coordinatorUrl: coordinator.url,
      dataDir,
      echoDelayMs: 60_000,
    });
    const ref = coordinator.offer("cut off");
    await coordinator.find("started", of(ref));
    await process.kill();
    coordinator.setWelcome({ resume: [{ ...ref, offset: 0 }] });
    const found = Promise.withResolvers<RunOutcome>();
    const runtime = createScriptedRuntime({
      reattach: (attempt, control) => {
        expect(attempt.content).toBe("cut off");
        control.onChunk({ offset: 0, text: "still " });
        return found.promise;
      },
    });
    await openAgent({ coordinatorUrl: coordinator.url, dataDir, runtimes: [runtime] });
    expect(coordinator.hellos.at(-1)?.running).toMatchObject([ref]);
    expect(await coordinator.find("chunk", (frame) => frame.text === "still ")).toMatchObject(ref);
    found.resolve({ kind: "succeeded", text: "still there" });
    expect((await coordinator.find("result", of(ref))).text).toBe("still there");
  });

  test("does not vouch for attempts that a lost journal may have held", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({ coordinatorUrl: coordinator.url, dataDir, echoDelayMs: 0 });
    await process.kill();
    const folder = await nodeFolder(dataDir);
    for (const suffix of ["-wal", "-shm"]) await rm(join(folder, `journal.db${suffix}`), { force: true });
    await writeFile(join(folder, "journal.db"), "this is no database ".repeat(50));
    const ref = { task: systemIds.task(), attempt: 1 };
    coordinator.setWelcome({ resume: [{ ...ref, offset: 0 }] });
    await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    expect(await coordinator.find("lost", of(ref))).toMatchObject({ started: true, fenced: false });
  });

  test("does not vouch for what a power cut may have taken, until the coordinator has no more questions", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({ coordinatorUrl: coordinator.url, dataDir, echoDelayMs: 0 });
    await process.kill();
    const database = new Database(join(await nodeFolder(dataDir), "journal.db"));
    expect(database.query("select complete_in from journal").values()).toEqual([[readBootId()]]);
    database.run("update journal set complete_in = 'another start of the machine'");
    database.close();
    const [gone, unsent] = [systemIds.task(), systemIds.task()].map((task) => ({ task, attempt: 1 })) as [
      AttemptRef,
      AttemptRef,
    ];
    coordinator.setWelcome({ resume: [{ ...gone, offset: 0 }] });
    await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    expect(await coordinator.find("lost", of(gone))).toMatchObject({ started: true, fenced: false });
    coordinator.link()?.close(closeCodes.goingAway, "again");
    expect(await coordinator.find("lost", of(gone))).toMatchObject({ started: true, fenced: false });
    coordinator.send({ type: "ack", ...gone });
    coordinator.setWelcome({ resume: [{ ...unsent, offset: 0 }] });
    coordinator.link()?.close(closeCodes.goingAway, "again");
    expect(await coordinator.find("lost", of(unsent))).toMatchObject({ started: false, fenced: true });
  });

  test("does not vouch for what the mesh knows of it when it begins with nothing", async () => {
    const coordinator = openCoordinator();
    const ref = { task: systemIds.task(), attempt: 1 };
    coordinator.setWelcome({ returning: true, resume: [{ ...ref, offset: 0 }] });
    await openAgent({ coordinatorUrl: coordinator.url, dataDir: await openDataDir() });
    expect(await coordinator.find("lost", of(ref))).toMatchObject({ started: true, fenced: false });
  });

  test("reports the run as lost when its entry cannot be read, and starts all the same", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({
      coordinatorUrl: coordinator.url,
      dataDir,
      echoDelayMs: 60_000,
    });
    const ref = coordinator.offer("cut off");
    await coordinator.find("started", of(ref));
    await process.kill();
    const database = new Database(join(await nodeFolder(dataDir), "journal.db"));
    database.run("update attempts set body = 'no JSON'");
    database.close();
    coordinator.setWelcome({ resume: [{ ...ref, offset: 0 }] });
    await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    expect(await coordinator.find("lost", of(ref))).toMatchObject({ started: true, fenced: false });
  });

  test("leaves its identity to the next one", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const process = await startAgentProcess({ coordinatorUrl: coordinator.url, dataDir, echoDelayMs: 0 });
    await process.kill();
    const { agent } = await openAgent({ coordinatorUrl: coordinator.url, dataDir, invite: null });
    expect<string | undefined>(coordinator.hellos.at(-1)?.node_id).toBe(agent.nodeId);
    expect(coordinator.hellos.length).toBe(2);
  });
});

describe("the identity of a node", () => {
  test("is private, and knows node, token, coordinator and name", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const { agent } = await openAgent({ coordinatorUrl: `${coordinator.url}/`, dataDir });
    const file = join(await nodeFolder(dataDir), "node.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const kept = JSON.parse(await readFile(file, "utf8"));
    expect(kept).toMatchObject({ node_id: agent.nodeId, coordinator_url: coordinator.url, name: "heron" });
    expect(String(coordinator.tokens.get(kept.token))).toBe(agent.nodeId);
  });

  test("is for one agent at a time; the second is refused with the first's pid", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const other = await startAgentProcess({ coordinatorUrl: coordinator.url, dataDir, echoDelayMs: 0 });
    first.push(other.kill);
    const starting = startTestAgent({
      coordinatorUrl: coordinator.url,
      dataDir,
      name: "Heron",
      runtimes: [createScriptedRuntime()],
    });
    expect(await codeOf(starting)).toBe("NODE_LOCKED");
    await starting.catch((error: MeshError) => {
      expect(error.message).toContain(String(other.pid));
    });
    expect(coordinator.hellos.length).toBe(1);
  });

  test("may be there twice under two names", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const { agent } = await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    const { agent: second } = await openAgent({ coordinatorUrl: coordinator.url, dataDir, name: "egret" });
    expect(second.nodeId).not.toBe(agent.nodeId);
  });

  test("is used while the coordinator is down at the start", async () => {
    const before = openCoordinator();
    const dataDir = await openDataDir();
    const { agent } = await openAgent({ coordinatorUrl: before.url, dataDir });
    await before.stop();
    await agent.stop();
    const status = createStatusRecorder();
    const unreachable = status.until("unreachable");
    const starting = openAgent({ coordinatorUrl: before.url, dataDir, onStatus: status.onStatus });
    await unreachable;
    openCoordinator({ port: before.port, meshId: before.meshId, tokens: before.tokens });
    expect((await starting).agent.nodeId).toBe(agent.nodeId);
  });

  test("moves on when the coordinator was set up anew, with what was given to join", async () => {
    const before = openCoordinator();
    const dataDir = await openDataDir();
    const status = createStatusRecorder();
    const { agent } = await openAgent({ coordinatorUrl: before.url, dataDir, onStatus: status.onStatus });
    await before.stop();
    const linked = status.until("linked");
    const after = openCoordinator({ port: before.port });
    expect((await linked) as object).toMatchObject({ isReturning: false });
    expect((await readdir(join(dataDir, "nodes"))).toSorted()).toEqual(
      [before.meshId, after.meshId].toSorted(),
    );
    const next = status.until("linked");
    after.link()?.close(closeCodes.goingAway, "");
    const again = await next;
    expect(again).toMatchObject({ isReturning: true });
    if (again.state === "linked") expect(again.nodeId).not.toBe(agent.nodeId);
  });

  test("is not taken up in another mesh by an agent that was stopped on the way there", async () => {
    const before = openCoordinator();
    const dataDir = await openDataDir();
    const stopped = Promise.withResolvers<void>();
    const warn = (message: string) => {
      if (message === "another mesh answers at this address") stopped.resolve(agent.stop());
    };
    const { agent } = await openAgent({ coordinatorUrl: before.url, dataDir, log: { ...silentLog, warn } });
    await before.stop();
    const after = openCoordinator({ port: before.port });
    await stopped.promise;
    expect(after.hellos.length).toBe(1);
    // And what the stopped agent had taken is free.
    await openAgent({ coordinatorUrl: after.url, dataDir });
    expect(after.hellos.length).toBe(2);
  });

  test("survives a token that is void when an admin token is given", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    const { agent } = await openAgent({ coordinatorUrl: coordinator.url, dataDir });
    await agent.stop();
    for (const [token, nodeId] of coordinator.tokens) if (nodeId !== null) coordinator.tokens.delete(token);
    coordinator.tokens.set("admin", null);
    await openAgent({ coordinatorUrl: coordinator.url, dataDir, invite: null, token: new Secret("admin") });
    expect<string | undefined>(coordinator.hellos.at(-1)?.node_id).toBe(agent.nodeId);
  });
});

describe("a start that cannot succeed", () => {
  test("says that the credential is refused", async () => {
    const coordinator = openCoordinator();
    const dataDir = await openDataDir();
    expect(
      await codeOf(openAgent({ coordinatorUrl: coordinator.url, dataDir, invite: new Secret("wrong") })),
    ).toBe("TOKEN_INVALID");
    // And the lock is free again.
    await openAgent({ coordinatorUrl: coordinator.url, dataDir });
  });

  test("says that an invite is used up", async () => {
    const coordinator = openCoordinator();
    coordinator.setHelloAnswer({ code: closeCodes.notAllowed, reason: "INVITE_INVALID" });
    const starting = openAgent({ coordinatorUrl: coordinator.url, dataDir: await openDataDir() });
    expect(await codeOf(starting)).toBe("INVITE_INVALID");
  });

  test("says that the name is taken", async () => {
    const coordinator = openCoordinator();
    coordinator.setHelloAnswer({ code: closeCodes.alreadyLinked, reason: "NAME_TAKEN" });
    const starting = openAgent({ coordinatorUrl: coordinator.url, dataDir: await openDataDir() });
    expect(await codeOf(starting)).toBe("NAME_TAKEN");
  });

  test("says that nothing was given to join with", async () => {
    const coordinator = openCoordinator();
    const starting = openAgent({
      coordinatorUrl: coordinator.url,
      dataDir: await openDataDir(),
      invite: null,
    });
    expect(await codeOf(starting)).toBe("TOKEN_MISSING");
  });

  test("says that the coordinator has no link", async () => {
    const coordinator = openCoordinator({ hasLink: false });
    const starting = openAgent({ coordinatorUrl: coordinator.url, dataDir: await openDataDir() });
    expect(await codeOf(starting)).toBe("VERSION_UNSUPPORTED");
  });

  test("says that something else answers", async () => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>hi</html>") });
    first.push(() => other.stop(true));
    const starting = openAgent({
      coordinatorUrl: `http://127.0.0.1:${other.port}`,
      dataDir: await openDataDir(),
    });
    expect(await codeOf(starting)).toBe("NOT_A_COORDINATOR");
  });

  test("is given up on request while the coordinator cannot be reached", async () => {
    const gone = openCoordinator();
    await gone.stop();
    const status = createStatusRecorder();
    const giveUp = new AbortController();
    const unreachable = status.until("unreachable");
    const starting = openAgent({
      coordinatorUrl: gone.url,
      dataDir: await openDataDir(),
      onStatus: status.onStatus,
      signal: giveUp.signal,
    });
    const failure = starting.catch((error: unknown) => error);
    await unreachable;
    const reason = new Error("interrupted");
    giveUp.abort(reason);
    expect(await failure).toBe(reason);
  });
});

test("the journal holds no token", async () => {
  const coordinator = openCoordinator({
    tokens: [
      [createSecret(), null],
      ["invite", null],
    ],
  });
  const dataDir = await openDataDir();
  const { agent, runtime } = await openAgent({ coordinatorUrl: coordinator.url, dataDir });
  const ref = coordinator.offer("hello");
  (await runtime.nextRun()).succeed("hi there");
  await coordinator.find("result", of(ref));
  const folder = await nodeFolder(dataDir);
  await coordinator.stop();
  await agent.stop();
  const database = new Database(join(folder, "journal.db"), { readonly: true });
  const rows = JSON.stringify(database.query("select * from attempts").all());
  database.close();
  expect(rows).toContain("hi there");
  for (const token of coordinator.tokens.keys()) expect(rows).not.toContain(token);
});
