/**
 * Runs the commands of the README as a newcomer does: every fenced block marked `sh`, line by line, in a copy of the
 * project. Commands that go on (`make run`, `claw-mesh up`, `claw-mesh join`) stay in the background, as in another
 * terminal, and the next line waits until they are ready. Blocks marked otherwise (`console`, `yaml`) are not run.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "../support/free-port.ts";
import { createTempDir, type TempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "..", "..");
const english = await Bun.file(join(root, "README.md")).text();

interface Block {
  readonly language: string;
  readonly code: string;
}

function fencedBlocks(text: string): readonly Block[] {
  return [...text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(([, language = "", code = ""]) => ({
    language,
    code,
  }));
}

describe("the commands of the README", () => {
  let directory: TempDir;
  const running: Bun.Subprocess[] = [];
  beforeAll(async () => {
    directory = await createTempDir();
  });
  afterAll(async () => {
    for (const child of running.reverse()) {
      child.kill("SIGTERM");
      await child.exited;
    }
    await directory[Symbol.asyncDispose]();
  });

  test("work, in their order", async () => {
    const port = await findFreePort();
    const lines = fencedBlocks(english)
      .filter(({ language }) => language === "sh")
      .flatMap(({ code }) => toCommands(code))
      .map((line) => line.replaceAll(":9180", `:${port}`));
    expect(lines.some((line) => line.includes("claw-mesh send"))).toBe(true);
    const place = await createScratch(directory.path, port);
    for (const line of lines) {
      if (/^git clone |^cd /.test(line)) continue;
      if (/^make run|claw-mesh (up|join)\b/.test(line)) await startInBackground(line, place, running);
      else await runLine(line, place);
    }
  });
});

interface Scratch {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The project as `git clone` and `make build` leave it, with an empty home. */
async function createScratch(directory: string, port: number): Promise<Scratch> {
  const home = join(directory, "home");
  const cwd = join(directory, "claw-mesh");
  await mkdir(home);
  await mkdir(join(cwd, ".cache"), { recursive: true });
  const copied = [
    "Makefile",
    "package.json",
    "bun.lock",
    "tsconfig.json",
    "scripts",
    "src",
    "bin",
    ".cache/build.json",
  ];
  for (const path of copied)
    await cp(join(root, path), join(cwd, path), { recursive: true, preserveTimestamps: true });
  for (const path of ["node_modules", ".cache/bun"]) await symlink(join(root, path), join(cwd, path));
  return {
    cwd,
    env: {
      HOME: home,
      PATH: `${join(cwd, "bin")}:${process.env.PATH ?? "/usr/bin:/bin"}`,
      CLAW_MESH_COORDINATOR_PORT: String(port),
      CLAW_MESH_COORDINATOR: `http://127.0.0.1:${port}`,
    },
  };
}

/** One entry a command: comments gone, continued lines joined, here-documents and pipes left as they are. */
function toCommands(code: string): readonly string[] {
  return code
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .map((line) => line.replace(/(^|\s+)# .*$/, "").trim())
    .filter((line) => line !== "");
}

async function runLine(line: string, { cwd, env }: Scratch): Promise<void> {
  const child = Bun.spawn(["/bin/sh", "-c", line], {
    cwd,
    env,
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect({ line, exitCode: child.exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
}

async function startInBackground(
  line: string,
  { cwd, env }: Scratch,
  running: Bun.Subprocess[],
): Promise<void> {
  // exec: the signal that ends it must reach the program, not a shell before it.
  const child = Bun.spawn(["/bin/sh", "-c", `exec ${line}`], { cwd, env, stdout: "pipe", stderr: "pipe" });
  running.push(child);
  let text = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const piece of stream) text += decoder.decode(piece, { stream: true });
  };
  const drained = Promise.all([read(child.stdout), read(child.stderr)]);
  await until(
    `"${line}" is ready`,
    async () => {
      if (child.exitCode === null) return /registered as node node_|--no-local[\s\S]*listening on/.test(text);
      await drained;
      throw new Error(`"${line}" ended with ${child.exitCode}:\n${text}`);
    },
    30_000,
  );
}
