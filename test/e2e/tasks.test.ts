import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { startHeldRuntime } from "../support/held-runtime.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type TestMesh,
} from "../support/mesh-process.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
let counter = 0;

beforeAll(async () => {
  mesh = await createTestMesh();
});
beforeEach(async () => {
  counter += 1;
  coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine(`coordinator-${counter}`) });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const unique = (name: string) => `${name}-${counter}`;

async function json(...args: readonly string[]) {
  const result = await coordinator.cli([...args, "--json"]);
  expect({ args, exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
  return result.json();
}

/** A command that goes on, on the coordinator's machine. */
function start(...args: readonly string[]) {
  return coordinator.machine.start([...args, "--coordinator", coordinator.url]);
}

async function untilState(id: string, state: string): Promise<void> {
  await until(`task ${state}`, async () => (await json("task", "show", id)).state === state, 10_000);
}

describe("a queued task", () => {
  test("waits for a node that fits, says so, and is answered when one joins", async () => {
    const added = await coordinator.cli(["task", "add", "--requires", "tag=home", "hello queue"]);
    expect(added.exitCode).toBe(0);
    const [, id = ""] = /^Task (task_[0-9a-f]{32}) queued$/m.exec(added.stdout) ?? [];
    await until("a reason", async () => (await json("task", "show", id)).waiting_for !== null, 5_000);
    const list = await coordinator.cli(["task", "list", "--state", "queued"]);
    expect(list.stdout).toContain(id);
    expect(list.stdout).toContain("tag=home");
    const watch = start("task", "watch", id);
    await watch.waitForLine(/^Waiting for .*tag=home/);
    await mesh.startNode(coordinator, { name: unique("home"), tags: ["home"] });
    await watch.waitForLine(/^Response: .*hello queue/);
    expect(await watch.exited).toEqual({ code: 0, signal: null });
    const task = await json("task", "show", id);
    expect(task).toMatchObject({ state: "succeeded", attempt_count: 1, node_name: unique("home") });
    expect(task.timeline.map(({ what }: { what: string }) => what)).toEqual([
      "accepted",
      "offered",
      "started",
      "succeeded",
    ]);
  });

  test("is queued once, however often it is added under one key", async () => {
    const first = await json("task", "add", "--key", "once", "hello");
    const second = await json("task", "add", "--key", "once", "hello");
    expect([second.id, first.idempotency_key]).toEqual([first.id, "once"]);
    const other = await coordinator.cli(["task", "add", "--key", "once", "something else"]);
    expect(other.exitCode).toBe(1);
    expect(other.stderr).toContain("Idempotency-Key");
  });

  test("is refused for a node that nobody knows", async () => {
    const result = await coordinator.cli(["task", "add", "--node", "nobody", "hello"]);
    expect([result.exitCode, result.stdout]).toEqual([5, ""]);
  });

  test("ends as expired when no node came in time", async () => {
    const task = await json("task", "add", "--expires-at", "1s", "too late");
    const watch = await coordinator.cli(["task", "watch", task.id]);
    expect(watch.exitCode).toBe(1);
    expect(await json("task", "show", task.id)).toMatchObject({ state: "expired", attempts: [] });
  });

  test("is left alone when its watcher leaves with Ctrl-C, and cancelled by task cancel", async () => {
    const { id } = await json("task", "add", "--requires", "tag=nowhere", "hello");
    const watch = start("task", "watch", id);
    await watch.waitForLine(/^Waiting for/);
    expect(await watch.stop("SIGINT")).toEqual({ code: 1, signal: null });
    expect(watch.stderr()).toContain(`claw-mesh task cancel ${id}`);
    expect(await json("task", "show", id)).toMatchObject({ state: "queued", cancel_requested: false });
    expect((await coordinator.cli(["task", "cancel", id])).stdout).toBe(`Task ${id} cancelled\n`);
    expect((await coordinator.cli(["task", "cancel", id])).exitCode).toBe(0);
    expect(await json("task", "show", id)).toMatchObject({ state: "cancelled" });
  });
});

describe("many tasks", () => {
  test("are queued from a file, listed, cancelled by a filter, and exported", async () => {
    const file = join(coordinator.machine.cwd, "tasks.jsonl");
    const lines = Array.from({ length: 30 }, (_, index) => ({
      content: `message ${index}`,
      requires: { tags: ["nowhere"] },
      source: index < 10 ? "first" : "second",
    }));
    await Bun.write(file, lines.map((line) => JSON.stringify(line)).join("\n"));
    const added = await coordinator.cli(["task", "add", "--file", file, "--label", "batch=7"]);
    const ids = added.stdout.trim().split("\n");
    expect([added.exitCode, new Set(ids).size]).toEqual([0, 30]);
    const again = await json("task", "list", "--label", "batch=7", "--all");
    expect(again.map(({ id }: { id: string }) => id).sort()).toEqual([...ids].sort());
    const refused = await coordinator.cli(["task", "cancel", "--source", "first"]);
    expect([refused.exitCode, refused.stdout]).toEqual([2, ""]);
    const cancelled = await json("task", "cancel", "--source", "first", "--yes");
    expect([cancelled.done.length, cancelled.failed]).toEqual([10, []]);
    expect((await json("task", "list", "--state", "cancelled")).length).toBe(10);
    const exported = await coordinator.cli(["task", "export", "--source", "second"]);
    const tasks = exported.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(tasks.map(({ content }) => content)).toEqual(
      Array.from({ length: 20 }, (_, index) => `message ${29 - index}`),
    );
  });

  test("are not queued at all when a line of the file is bad", async () => {
    const stdin = '{"content":"fine"}\n{"content":""}\n';
    const result = await coordinator.cli(["task", "add", "--file", "-"], { stdin });
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("line 2: content: must not be empty");
    expect(await json("task", "list")).toEqual([]);
  });
});

describe("a dead letter", () => {
  test("is run again edited, or discarded, and is then on the list no more", async () => {
    await using runtime = startHeldRuntime();
    await mesh.startNode(coordinator, { name: unique("anna"), openaiUrl: runtime.url });
    const first = await json("task", "add", "--timeout", "300ms", "too slow");
    const second = await json("task", "add", "--timeout", "300ms", "too slow as well");
    await untilState(first.id, "failed");
    await untilState(second.id, "failed");
    const letters = await json("dead-letter", "list", "--class", "timeout");
    expect(letters.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
    expect((await coordinator.cli(["task", "watch", first.id])).exitCode).toBe(1);

    await mesh.startNode(coordinator, { name: unique("bert") });
    const edit = ["dead-letter", "edit", first.id, "--node", unique("bert"), "--timeout", "1m"];
    const retried = await json(...edit, "--message", "quicker");
    expect(retried).toMatchObject({ retry_of: first.id, content: "quicker", target: unique("bert") });
    await untilState(retried.id, "succeeded");
    expect((await coordinator.cli(["dead-letter", "discard", second.id])).exitCode).toBe(0);
    expect(await json("dead-letter", "list")).toEqual([]);
    expect((await coordinator.cli(["task", "retry", first.id])).exitCode).toBe(1);
    const shown = await coordinator.cli(["dead-letter", "show", first.id]);
    expect(shown.stdout).toContain(retried.id);
  });
});

describe("kill -9 of the coordinator", () => {
  test("is survived by task watch and by send --wait, which still print the answer", async () => {
    const { id } = await json("task", "add", "--requires", "tag=late", "watched");
    const watch = start("task", "watch", id);
    await watch.waitForLine(/^Waiting for .*tag=late/);
    const send = start("send", "--auto", "--wait", "--requires", "tag=late", "waited for");
    await send.waitForLine(/^Waiting for .*tag=late/);
    await coordinator.kill("SIGKILL");
    await watch.waitForLine(/connection lost/);
    await send.waitForLine(/connection lost/);
    await coordinator.restart();
    await mesh.startNode(coordinator, { name: unique("late"), tags: ["late"] });
    await watch.waitForLine(/^Response: .*watched/, 20_000);
    await send.waitForLine(/^Response: .*waited for/, 20_000);
    expect(await watch.exited).toEqual({ code: 0, signal: null });
    expect(await send.exited).toEqual({ code: 0, signal: null });
    expect((await json("task", "list")).length).toBe(2);
  });

  test("in the middle of a run is survived by send --wait", async () => {
    await using runtime = startHeldRuntime();
    await mesh.startNode(coordinator, { name: unique("worker"), openaiUrl: runtime.url });
    const send = start("send", "--auto", "--wait", "one long run");
    const run = await runtime.nextRun();
    run.write("half ");
    await coordinator.kill("SIGKILL");
    await send.waitForLine(/connection lost/);
    await coordinator.restart();
    run.write("whole");
    run.finish();
    await send.waitForLine(/^Response: half whole/, 20_000);
    expect(await send.exited).toEqual({ code: 0, signal: null });
  });
});

describe("a gateway that answers for the coordinator once it has the message", () => {
  /** Hands every request on, and loses the answer to the first that sends a message. */
  function startGateway() {
    let posts = 0;
    return Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        const { pathname, search } = new URL(request.url);
        const { method, headers } = request;
        const isFirst = method === "POST" && ++posts === 1;
        const body = method === "POST" ? { body: await request.text() } : {};
        const answer = await fetch(`${coordinator.url}${pathname}${search}`, { method, headers, ...body });
        if (!isFirst) return answer;
        await answer.body?.cancel();
        return new Response("<html>", { status: 504 });
      },
    });
  }

  test.each([["send --auto"], ["send --auto --wait"], ["task add"]])("%s runs it once", async (command) => {
    await mesh.startNode(coordinator, { name: unique("once") });
    await using gateway = startGateway();
    const url = `http://127.0.0.1:${gateway.port}`;
    // The token of the data directory goes to the coordinator itself only.
    const tokenFile = join(coordinator.machine.home, ".claw-mesh", "token");
    const args = [...command.split(" "), "pay the bill", "--coordinator", url, "--token-file", tokenFile];
    const { exitCode, stderr } = await coordinator.machine.cli(args);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(await json("task", "list")).toMatchObject([{ content_preview: "pay the bill" }]);
  });
});

describe("send", () => {
  test("--async prints the id at once, and --wait is cancelled by Ctrl-C", async () => {
    const sent = await json("send", "--auto", "--async", "--requires", "tag=nowhere", "hello");
    expect(sent).toMatchObject({ state: "queued", synchronous: false });
    const send = start("send", "--auto", "--wait", "--requires", "tag=nowhere", "never mind");
    await send.waitForLine(/^Waiting for/);
    expect(await send.stop("SIGINT")).toEqual({ code: 1, signal: null });
    expect(await json("task", "list", "--state", "cancelled")).toMatchObject([
      { content_preview: "never mind" },
    ]);
  });
});
