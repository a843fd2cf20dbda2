import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { dirname, join } from "node:path";
import { createTestMesh, e2eTimeoutMs, type TestMesh } from "../support/mesh-process.ts";
import { executable } from "../support/program.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

interface Screen {
  readonly text: () => string;
  readonly end: () => Promise<number | null>;
}

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** What a person sees: a terminal of 100 columns. */
function startOnTerminal(home: string, args: readonly string[]): Screen {
  let text = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([executable, ...args], {
    cwd: home,
    env: { HOME: home, PATH: "/usr/bin:/bin", TERM: "xterm-256color" },
    terminal: {
      cols: 100,
      rows: 40,
      data: (_terminal, bytes) => {
        text += decoder.decode(bytes, { stream: true });
      },
    },
  });
  return {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours and cursor moves begin with ESC.
    text: () => text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r", ""),
    end: async () => {
      child.kill("SIGTERM");
      await child.exited;
      return child.exitCode;
    },
  };
}

describe("the first five minutes, on a machine without an AI runtime", () => {
  test("start a mesh with an echo node that is called echo, and give three commands that work", async () => {
    const machine = await mesh.createMachine("newcomer");
    const screen = startOnTerminal(machine.home, ["up", "--port", "0", "--local", "auto,echo"]);
    try {
      const seen = await until("the start screen", async () =>
        /Try next:\n(\s+claw-mesh .+\n){3}/.test(screen.text()) ? screen.text() : null,
      );
      expect(seen).toContain("echo");
      const port = /http:\/\/[^\s:]+:(\d+)/.exec(seen)?.[1];
      const suggestions = seen.slice(seen.indexOf("Try next:"));
      const commands = [...suggestions.matchAll(/^ +(claw-mesh .+)$/gm)].map(([, command = ""]) => command);
      expect(commands).toHaveLength(3);
      for (const command of commands) {
        // As typed, in a shell; the variable stands for the default port, which another test may hold.
        const child = Bun.spawn(["/bin/sh", "-c", command], {
          cwd: machine.cwd,
          env: {
            HOME: machine.home,
            PATH: `${dirname(executable)}:/usr/bin:/bin`,
            CLAW_MESH_COORDINATOR: `http://127.0.0.1:${port}`,
          },
          stdout: "pipe",
          stderr: "pipe",
        });
        const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
        expect({ command, exitCode: child.exitCode, stderr }).toMatchObject({ exitCode: 0 });
        expect(stdout.length).toBeGreaterThan(0);
      }
    } finally {
      expect(await screen.end()).toBe(0);
    }
  });

  test("show the one-use join line on the terminal, and never in a log", async () => {
    const machine = await mesh.createMachine("shown");
    const screen = startOnTerminal(machine.home, ["up", "--port", "0", "--no-local"]);
    await until("the join line", async () => /claw-mesh join http:\/\/\S+ --token \S+/.test(screen.text()));
    await screen.end();

    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("logged") });
    await coordinator.call("GET", "/healthz");
    const program = coordinator.program();
    expect(program.stdout() + program.stderr()).not.toContain(coordinator.token);
    expect(program.stdout() + program.stderr()).not.toContain("claw-mesh join");
  });

  test("keep the admin token in a file that only its owner reads", async () => {
    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("private") });
    const file = Bun.file(join(coordinator.machine.home, ".claw-mesh", "token"));
    expect((await file.stat()).mode & 0o777).toBe(0o600);
    expect((await Bun.file(join(coordinator.machine.home, ".claw-mesh")).stat()).mode & 0o777).toBe(0o700);
  });

  test("answer a message by echo that says it is one", async () => {
    const coordinator = await mesh.startCoordinator({
      machine: await mesh.createMachine("echo"),
      args: ["--local", "echo"],
    });
    await until(
      "the local node",
      async () => (await coordinator.call("GET", "/api/v1/nodes")).body[0]?.ready,
    );
    const { exitCode, stdout } = await coordinator.cli(["send", "--auto", "hello there"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("hello there");
    expect(stdout.toLowerCase()).toContain("echo");
  });
});
