import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createTestMesh, e2eTimeoutMs, type TestMesh } from "../support/mesh-process.ts";
import { executable } from "../support/program.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const ctrlC = "\u0003";
const down = "\u001b[B";

/** `runtime install zeroclaw` on a terminal, without a key anywhere, and without a release server behind the address. */
async function startInstall(name: string) {
  const machine = await mesh.createMachine(name);
  let seen = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([executable, "runtime", "install", "zeroclaw"], {
    cwd: machine.home,
    env: {
      HOME: machine.home,
      PATH: "/usr/bin:/bin",
      TERM: "xterm-256color",
      CLAW_MESH_ZEROCLAW_RELEASES: "http://127.0.0.1:1/releases",
    },
    terminal: {
      cols: 100,
      rows: 40,
      data: (_terminal, bytes) => {
        seen += decoder.decode(bytes, { stream: true });
      },
    },
  });
  return {
    seen: () => seen,
    sees: (text: string) => until(text, async () => seen.includes(text) || null),
    type: (text: string) => void child.terminal?.write(text),
    exited: child.exited,
  };
}

describe("a key that neither flags nor environment give", () => {
  test("is asked for on a terminal, and never shown", async () => {
    const screen = await startInstall("asked");
    await screen.sees("Who computes the answers of this runtime?");
    screen.type(`${down}\r`);
    await screen.sees("Key of OpenAI");
    screen.type("a-key-that-nobody-may-see\r");
    await screen.sees("cannot be reached");
    expect(await screen.exited).toBe(3);
    expect(screen.seen()).not.toContain("a-key");
  });

  test("of a server of one's own is asked for with its address and model, and may be none", async () => {
    const screen = await startInstall("custom");
    await screen.sees("Who computes");
    screen.type(`${down}${down}\r`);
    await screen.sees("Address of its API");
    screen.type("no address\r");
    await screen.sees("It is like http://");
    screen.type(`${"\u007f".repeat(10)}http://127.0.0.1:1/v1\r`);
    await screen.sees("Model");
    screen.type("qwen3\r");
    await screen.sees("Key (empty: it needs none)");
    screen.type("\r");
    expect(await screen.exited).toBe(3);
  });

  test("need not be given: Ctrl-C leaves, with the terminal as it was", async () => {
    const screen = await startInstall("left");
    await screen.sees("Who computes");
    screen.type(ctrlC);
    await screen.sees("interrupted");
    expect(await screen.exited).toBe(1);
    const hidden = screen.seen().lastIndexOf("\u001b[?25l");
    expect(screen.seen().lastIndexOf("\u001b[?25h")).toBeGreaterThan(hidden);
  });
});
