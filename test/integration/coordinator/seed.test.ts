/** What a coordinator offers of its machine to new nodes. */
import { afterEach, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../../../src/platform/log.ts";
import { createTempDir } from "../../support/temp-dir.ts";
import { createTestCoordinator } from "../../support/test-coordinator.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function setUp(parts: { readonly isOffered?: boolean; readonly configFile?: string } = {}) {
  const dir = await createTempDir();
  opened.push(dir);
  const lines: string[] = [];
  const mesh = await createTestCoordinator({
    seed:
      parts.isOffered === false
        ? null
        : { configFile: parts.configFile ?? null, workspaceDir: null, env: { HOME: dir.path } },
    log: createLog({ write: (line) => lines.push(line), format: "text", level: "info" }),
  });
  opened.push(mesh);
  const state = join(dir.path, ".openclaw");
  const write = (path: string, text: string | Uint8Array) => Bun.write(join(state, path), text);
  const get = async (what: string, token?: string) =>
    mesh.call("GET", `/api/v1/seed/${what}`, token === undefined ? {} : { token });
  return { mesh, dir: dir.path, state, write, get, lines };
}

test("offers nothing until its operator says so", async () => {
  const { write, get } = await setUp({ isOffered: false });
  await write("openclaw.json", "{ tools: { a: 1 } }");
  await write("workspace/SOUL.md", "soul");
  for (const what of ["config", "workspace"]) {
    const { status, body } = await get(what);
    expect([status, body.code]).toEqual([404, "SEED_NOT_FOUND"]);
    expect(body.hint).toContain("coordinator.seed");
  }
});

test("answers 404 where there is nothing", async () => {
  const { get, write } = await setUp();
  for (const what of ["config", "workspace"]) expect((await get(what)).status).toBe(404);
  await write("openclaw.json", "{ broken");
  expect((await get("config")).body.code).toBe("SEED_NOT_FOUND");
});

test("offers listed settings alone, to a node with its own token", async () => {
  const { mesh, write, get } = await setUp();
  await write(
    "openclaw.json",
    '{ gateway: { auth: { token: "t0psecret" } }, models: { providers: { p: { apiKey: "k3y", api: "x" } } }, ui: { seamColor: "#ff8800" } } // c',
  );
  await using node = await mesh.join();
  const { status, text, body } = await get("config", node.token);
  expect([status, body]).toEqual([200, { ui: { seamColor: "#ff8800" } }]);
  expect(text).not.toMatch(/t0psecret|k3y/);
});

test("offers identity and memories, and nothing else of the workspace", async () => {
  const { write, get, state, dir, lines } = await setUp();
  for (const name of [
    "SOUL.md",
    "IDENTITY.md",
    "AGENTS.md",
    "memory/2026-11-02.md",
    "memory/2026-11-01.md",
  ]) {
    await write(`workspace/${name}`, `of ${name}`);
  }
  for (const name of [
    "USER.md",
    "BOOTSTRAP.md",
    "memory/a.txt",
    "memory/deep/b.md",
    "memory/.c.md",
    ".env",
  ]) {
    await write(`workspace/${name}`, "private");
  }
  await write("workspace/memory/secret.md", "my key is sk-1234567890abcdef");
  await write("workspace/memory/wifi.md", "| net | 密码 |\n| --- | --- |\n| home | hunter2 |");
  await write("workspace/memory/hidden.md", "be kind\u{e0041}");
  await write("workspace/memory/binary.md", new Uint8Array([0xff, 0xfe, 0]));
  await write("workspace/memory/huge.md", "x".repeat(1024 * 1024 + 1));
  await Bun.write(join(dir, "outside.md"), "outside");
  symlinkSync(join(dir, "outside.md"), join(state, "workspace/memory/link.md"));
  symlinkSync(join(dir, "outside.md"), join(state, "workspace/MEMORY.md"));
  Bun.spawnSync(["mkfifo", join(state, "workspace/memory/pipe.md")]);
  const { body } = await get("workspace");
  expect(body.files.map(({ path }: { path: string }) => path)).toEqual([
    "SOUL.md",
    "IDENTITY.md",
    "AGENTS.md",
    "memory/2026-11-02.md",
    "memory/2026-11-01.md",
  ]);
  const log = lines.join("");
  for (const name of [
    "secret.md",
    "wifi.md",
    "hidden.md",
    "link.md",
    "MEMORY.md",
    "pipe.md",
    "huge.md",
    "binary.md",
  ])
    expect(log).toContain(name);
  expect(log).not.toContain("sk-1234567890abcdef");
});

test("offers no memories of a folder that is a link, and of many the newest", async () => {
  const { write, get, state, dir } = await setUp();
  await write("workspace/SOUL.md", "soul");
  mkdirSync(join(dir, "diary"), { recursive: true });
  await Bun.write(join(dir, "diary/2026-01-01.md"), "dear diary");
  symlinkSync(join(dir, "diary"), join(state, "workspace/memory"));
  expect((await get("workspace")).body.files).toEqual([{ path: "SOUL.md", content: "soul" }]);
});

test("bounds what it offers", async () => {
  const { write, get } = await setUp();
  for (let at = 0; at < 600; at++) await write(`workspace/memory/${String(at).padStart(4, "0")}.md`, "x");
  const { body } = await get("workspace");
  expect([body.files.length, body.files[0].path]).toEqual([512, "memory/0599.md"]);
});
