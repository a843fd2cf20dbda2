import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import {
  type CliBench,
  createCliBench,
  failedTask,
  otherTaskId,
  taskId,
  taskInfo,
} from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("dead-letter edit", () => {
  async function edit(script: string) {
    bench.handle((request, reply) => {
      if (request.method === "GET") reply.json(taskInfo({ ...failedTask, content: "Build\n  the app: #1" }));
      else reply.json(taskInfo({ id: otherTaskId }), 202);
    });
    const run = await bench.run(["dead-letter", "edit", taskId], {
      isTerminal: true,
      env: { EDITOR: script, PATH: "/usr/bin:/bin" },
    });
    return { ...run, sent: bench.requestsTo(`/tasks/${taskId}/retry`).map(({ body }) => body) };
  }

  test("runs what the editor left, and sends only what was changed", async () => {
    const { exitCode, stdout, sent } = await edit(
      "sed -i -e 's/the app/the tests/' -e 's/^target:.*/target: macs/'",
    );
    expect([exitCode, stdout]).toEqual([0, `Task ${taskId} runs again as ${otherTaskId}\n`]);
    expect(sent).toEqual([{ content: "Build\n  the tests: #1", target: "macs" }]);
  });

  test.each(["true", "touch", "sed -i 1i#comment"])(
    "does nothing when nothing was changed (%s)",
    async (script) => {
      const { exitCode, stderr, sent } = await edit(script);
      expect([exitCode, sent]).toEqual([0, []]);
      expect(stderr).toContain("Nothing was changed");
    },
  );

  test("shows what is wrong and lets it be corrected", async () => {
    const script =
      "f() { if grep -q 'could not be read' \"$1\"; then sed -i 's/maybe/safe/' \"$1\"; else sed -i 's/^effects: unsafe/effects: maybe/' \"$1\"; fi; }; f";
    const { exitCode, stderr, sent } = await edit(script);
    expect([exitCode, sent]).toEqual([0, [{ effects: "safe" }]]);
    expect(stderr).toContain("could not be read: effects");
  });

  test("keeps the text when the editor fails", async () => {
    const { exitCode, stderr, sent } = await edit("sh -c 'exit 3'");
    expect([exitCode, sent]).toEqual([2, []]);
    expect(stderr).toContain("ended with code 3");
    const file = /kept in (\S+)/.exec(stderr)?.[1] ?? "";
    expect(await Bun.file(file).text()).toContain("Build");
    await rm(dirname(file), { recursive: true });
  });

  test.each([
    ["the call is refused", 409, "TASK_ALREADY_RETRIED"],
    ["there is no node of that name", 404, "NODE_NOT_FOUND"],
  ])("keeps what was written when %s, and --file goes on with it", async (_, status, code) => {
    let isRefused = true;
    bench.handle((request, reply) => {
      if (request.method === "GET")
        reply.json(taskInfo({ ...failedTask, id: request.path.split("/").at(-1) }));
      else if (isRefused) reply.json({ error: "no", code, hint: "look" }, status);
      else reply.json(taskInfo({ id: otherTaskId }), 202);
    });
    const env = { EDITOR: "sed -i 's/the app/the tests/'", PATH: "/usr/bin:/bin" };
    const refused = await bench.run(["dead-letter", "edit", taskId], { isTerminal: true, env });
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain("Hint: look\nWhat you wrote is kept in");
    const [, args = ""] = /claw-mesh (dead-letter edit .*)/.exec(refused.stderr) ?? [];
    isRefused = false;
    expect((await bench.run([...args.split(" "), "--priority", "9"])).exitCode).toBe(0);
    const other = await bench.run([
      "dead-letter",
      "edit",
      otherTaskId,
      "--file",
      args.split(" ").at(-1) ?? "",
    ]);
    expect([other.exitCode, other.stderr]).toEqual([2, expect.stringContaining("edited text of task")]);
    await rm(dirname(args.split(" ").at(-1) ?? ""), { recursive: true });
    const bodies = bench.requestsTo(`/tasks/${taskId}/retry`).map(({ body }) => body);
    expect(bodies).toEqual([{ content: "Build the tests" }, { content: "Build the tests", priority: 9 }]);
  });

  test("keeps what was written when Ctrl-C came while the editor was open", async () => {
    const interrupt = new AbortController();
    bench.handle((_, reply) => {
      reply.json(taskInfo(failedTask));
      interrupt.abort(new DOMException("SIGINT", "AbortError"));
    });
    const env = { EDITOR: "sed -i 's/the app/the tests/'", PATH: "/usr/bin:/bin" };
    const { exitCode, stderr } = await bench.run(["dead-letter", "edit", taskId], {
      ...{ isTerminal: true, env },
      interrupt: interrupt.signal,
    });
    expect(exitCode).toBe(1);
    const file = /kept in (\S+)/.exec(stderr)?.[1] ?? "";
    expect(await Bun.file(file).text()).toContain("Build the tests");
    await rm(dirname(file), { recursive: true });
  });

  test("takes flags where there is no terminal", async () => {
    bench.handle((request, reply) => {
      if (request.method === "GET") reply.json(taskInfo(failedTask));
      else reply.json(taskInfo({ id: otherTaskId }), 202);
    });
    const without = await bench.run(["dead-letter", "edit", taskId]);
    expect([without.exitCode, without.stderr]).toEqual([2, expect.stringContaining("--message")]);
    const same = await bench.run(["dead-letter", "edit", taskId, "--message", "Build the app"]);
    expect(same.stderr).toContain("Nothing was changed");
    expect(bench.requestsTo(`/tasks/${taskId}/retry`)).toEqual([]);
    await bench.run(["dead-letter", "edit", taskId, "--file", "-"], { stdin: "Other\n" });
    expect(bench.requestsTo(`/tasks/${taskId}/retry`)[0]?.body).toEqual({ content: "Other" });
  });
});
