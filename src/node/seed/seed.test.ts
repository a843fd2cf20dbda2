import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  watch,
  writeFileSync,
} from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beginMark, endMark } from "../../domain/seed/merge-markdown.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { Secret } from "../../protocol/secret.ts";
import { replaceFile } from "./replace-file.ts";
import { syncSeed } from "./sync-seed.ts";
import { takeConfig } from "./take-config.ts";
import { type SeedChange, takeWorkspace } from "./take-workspace.ts";

let root = "";
beforeEach(async () => {
  changes.length = 0;
  root = await mkdtemp(join(tmpdir(), "seed-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const nowMs = Date.parse("2026-11-02T10:15:00.123Z");
const changes: SeedChange[] = [];
const workspace = () => join(root, "home/.openclaw/workspace");
const take = (files: Readonly<Record<string, string>>) =>
  takeWorkspace(
    workspace(),
    Object.entries(files).map(([path, content]) => ({ path, content })),
    { clock: { ...systemClock, nowMs: () => nowMs }, onChange: async (change) => void changes.push(change) },
  );
const text = (name: string) => readFileSync(join(workspace(), name), "utf8");
const all = () =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();

describe("a workspace", () => {
  test("gets the files that it lacks, for this user alone", async () => {
    expect(await take({ "SOUL.md": "soul", "memory/2026-11-02.md": "day" })).toMatchObject({
      created: ["SOUL.md", "memory/2026-11-02.md"],
      refused: [],
    });
    expect([text("SOUL.md"), text("memory/2026-11-02.md")]).toEqual([
      `${beginMark}\n\nsoul\n\n${endMark}\n`,
      `${beginMark}\n\nday\n\n${endMark}\n`,
    ]);
    expect(statSync(join(workspace(), "SOUL.md")).mode & 0o777).toBe(0o600);
  });

  test("tells of every file that was written, with its backup", async () => {
    await Bun.write(join(workspace(), "AGENTS.md"), "mine\n");
    await take({ "SOUL.md": "soul", "AGENTS.md": "theirs", "memory/.x.md": "no" });
    const file = (name: string) => join(realpathSync(workspace()), name);
    expect(changes).toEqual([
      { change: "created", file: file("SOUL.md"), backup: null },
      {
        change: "changed",
        file: file("AGENTS.md"),
        backup: `${file("AGENTS.md")}.claw-mesh-20261102T101500123Z.bak`,
      },
    ]);
  });

  test("keeps its own identity, whose last lines would count", async () => {
    await Bun.write(join(workspace(), "IDENTITY.md"), "- Name: mac\n");
    expect(await take({ "IDENTITY.md": "- Name: vps\n" })).toEqual({ created: [], merged: [], refused: [] });
    expect(text("IDENTITY.md")).toBe("- Name: mac\n");
  });

  test("takes no text in which something hides", async () => {
    const tag = String.fromCodePoint(0xe0041);
    const { refused } = await take({
      "SOUL.md": `kind${tag}`,
      "AGENTS.md": "a\u202eb",
      "MEMORY.md": "\u001b[8m",
    });
    expect(refused.map(({ reason }) => reason)).toEqual(
      Array(3).fill("it holds characters that are not to be seen"),
    );
    expect(all()).toEqual([]);
  });

  test("takes a text that begins with a byte order mark", async () => {
    await take({ "SOUL.md": "\ufeffsoul" });
    expect(text("SOUL.md")).toContain("\n\nsoul\n");
  });

  test("keeps what it has, with a backup, and gets what is new behind it", async () => {
    await Bun.write(join(workspace(), "AGENTS.md"), "# Rules\n\n- mine\n");
    expect((await take({ "AGENTS.md": "# Rules\n\n- theirs\n" })).merged).toEqual(["AGENTS.md"]);
    expect(text("AGENTS.md")).toStartWith(`# Rules\n\n- mine\n\n${beginMark}\n\n## From the coordinator`);
    expect(text("AGENTS.md")).toEndWith(`- theirs\n\n${endMark}\n`);
    expect(text("AGENTS.md.claw-mesh-20261102T101500123Z.bak")).toBe("# Rules\n\n- mine\n");
  });

  test("is not touched by a second time", async () => {
    await Bun.write(join(workspace(), "AGENTS.md"), "mine\n");
    const files = { "AGENTS.md": "theirs\n", "MEMORY.md": "much" };
    await take(files);
    const before = all();
    expect(await take(files)).toEqual({ created: [], merged: [], refused: [] });
    expect(all()).toEqual(before);
  });

  const paths = [
    "../SOUL.md",
    "../../evil.md",
    "/etc/evil.md",
    "memory/../../evil.md",
    "memory/../SOUL.md",
    "C:\\evil.md",
    "memory\\evil.md",
    "memory/evil.md\0.txt",
    "memory/.evil.md",
    "memory/con.md",
    "soul.md",
    "BOOTSTRAP.md",
    "skills/x/SKILL.md",
    "openclaw.json",
    ".env",
    "",
  ];
  test("is the only place that is written to, whatever a file is called", async () => {
    const { created, refused } = await take(Object.fromEntries(paths.map((path) => [path, "evil"])));
    expect([created, refused.length, all()]).toEqual([[], paths.length, []]);
  });

  test("is not left through a link, of a folder or of a file", async () => {
    await mkdir(join(root, "outside"), { recursive: true });
    await mkdir(workspace(), { recursive: true });
    await Bun.write(join(root, "outside/target.md"), "outside\n");
    await symlink(join(root, "outside"), join(workspace(), "memory"));
    await symlink(join(root, "outside/target.md"), join(workspace(), "SOUL.md"));
    await symlink(join(root, "outside/new.md"), join(workspace(), "MEMORY.md"));
    const { refused } = await take({ "SOUL.md": "x", "MEMORY.md": "x", "memory/a.md": "x" });
    expect(refused.map(({ path }) => path)).toEqual(["SOUL.md", "MEMORY.md", "memory/a.md"]);
    expect(readdirSync(join(root, "outside"))).toEqual(["target.md"]);
    expect(readFileSync(join(root, "outside/target.md"), "utf8")).toBe("outside\n");
  });

  test("takes one of two names that differ in case only", async () => {
    const { created, refused } = await take({ "memory/A.md": "one", "memory/a.md": "two" });
    expect([created, refused.map(({ path }) => path)]).toEqual([["memory/A.md"], ["memory/a.md"]]);
  });

  test("takes no more than it has room for, no NULs, and waits for no pipe", async () => {
    await mkdir(workspace(), { recursive: true });
    Bun.spawnSync(["mkfifo", join(workspace(), "SOUL.md")]);
    const many = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`memory/${at}.md`, "x".repeat(1024 * 1024)]),
    );
    const taken = await take({
      "SOUL.md": "x",
      "MEMORY.md": "a\0b",
      "AGENTS.md": "x".repeat(1024 * 1024 + 1),
      ...many,
    });
    expect([taken.created.length, taken.refused.length]).toEqual([14, 9]);
  });
});

describe("a file that is replaced", () => {
  const file = () => join(root, "MEMORY.md");
  const replace = (findProblem?: (draft: string) => Promise<string | null>) =>
    replaceFile(file(), {
      before: "old\n",
      after: "new\n",
      mode: 0o600,
      maxBytes: 1024,
      nowMs,
      ...(findProblem ? { findProblem } : {}),
    });
  beforeEach(() => Bun.write(file(), "old\n"));

  test("stays as it is when somebody wrote to it meanwhile, and no copy is left", async () => {
    const replaced = await replace(async () => {
      await Bun.write(file(), "old\nand what an agent wrote\n");
      return null;
    });
    expect(replaced).toEqual({ isChanged: true });
    expect([readFileSync(file(), "utf8"), all()]).toEqual(["old\nand what an agent wrote\n", ["MEMORY.md"]]);
  });

  test("stays as it is when the draft is refused, and no draft is left", async () => {
    expect(await replace(async () => "no")).toEqual({ refused: "no" });
    expect([readFileSync(file(), "utf8"), all()]).toEqual(["old\n", ["MEMORY.md"]]);
  });

  test("has drafts of different names, so that two who write do not meet", async () => {
    const drafts: string[] = [];
    for (let at = 0; at < 2; at++) {
      await replace(async (draft) => {
        drafts.push(draft);
        return "no";
      });
    }
    expect(new Set(drafts).size).toBe(2);
  });
});

test("what an agent writes while its file is merged is merged, too", async () => {
  await Bun.write(join(workspace(), "MEMORY.md"), "old\n");
  let hasWritten = false;
  // The draft appears beside the file when it was read already.
  const watcher = watch(workspace(), () => {
    if (hasWritten) return;
    hasWritten = true;
    writeFileSync(join(workspace(), "MEMORY.md"), "old\n\nwhat the agent wrote\n");
  });
  await take({ "MEMORY.md": "new\n" });
  watcher.close();
  expect(hasWritten).toBeTrue();
  expect(text("MEMORY.md")).toContain("new\n");
  const kept = all().map((path) => readFileSync(join(root, path), "utf8"));
  expect(kept.join("\n")).toContain("what the agent wrote");
});

/** A program that takes every configuration but those with a key `bad`. */
async function addOpenclaw(): Promise<void> {
  const file = join(root, "bin/openclaw");
  await Bun.write(file, '#!/bin/sh\n! grep -q \'"bad"\' "$OPENCLAW_CONFIG_PATH"\n');
  chmodSync(file, 0o755);
}

describe("a configuration", () => {
  const own =
    "{\n  // my gateway\n  gateway: { port: 1 },\n  agents: { defaults: { workspace: '~/w' } },\n}\n";
  const file = () => join(root, "home/.openclaw/openclaw.json");
  const fill = (given: unknown) =>
    takeConfig(file(), given, {
      env: { PATH: `${join(root, "bin")}:/usr/bin:/bin` },
      home: join(root, "home"),
      clock: systemClock,
    });
  const given = {
    agents: { defaults: { userTimezone: "Asia/Tokyo", model: { primary: "a/b" }, workspace: "/etc" } },
    gateway: { port: 2 },
  };
  const now = () => readFileSync(file(), "utf8");

  beforeEach(() => Bun.write(file(), own));

  test("gets the keys that it lacks and keeps the rest, comments too, with a backup", async () => {
    await addOpenclaw();
    expect(await fill(given)).toMatchObject({ added: ["agents.defaults.userTimezone"] });
    expect(Bun.JSON5.parse(now())).toEqual({
      gateway: { port: 1 },
      agents: { defaults: { workspace: "~/w", userTimezone: "Asia/Tokyo" } },
    });
    expect(now()).toContain("// my gateway");
    const backup = all().find((path) => path.endsWith(".bak")) ?? "";
    expect(readFileSync(join(root, backup), "utf8")).toBe(own);
  });

  test("is not touched by a second time", async () => {
    await addOpenclaw();
    await fill(given);
    const before = [all(), now()];
    expect(await fill(given)).toMatchObject({ added: [], backup: null });
    expect([all(), now()]).toEqual(before);
  });

  test.each([
    ["OpenClaw does not take the result", { ui: { prefs: { theme: "bad" } } }, true],
    ["OpenClaw is not there to check it", given, false],
  ])("stays as it is where %s", async (_, bad, isThere) => {
    if (isThere) await addOpenclaw();
    const before = all();
    expect(await fill(bad)).toMatchObject({ refused: expect.any(String) });
    expect([now(), all()]).toEqual([own, before]);
  });

  test("that takes in other files stays as it is: what they say is not seen, and would lose", async () => {
    await addOpenclaw();
    for (const whole of [
      "{ $include: './base.json5' }",
      "{ agents: { defaults: { $include: ['./a.json5'] } } }",
    ]) {
      writeFileSync(file(), whole);
      expect(await fill(given)).toMatchObject({ refused: expect.stringContaining("$include") });
      expect(now()).toBe(whole);
    }
  });

  test("that is changed while OpenClaw looks at the result stays as it was changed", async () => {
    await Bun.write(join(root, "bin/openclaw"), `#!/bin/sh\nprintf '{ mine: 1 }' > '${file()}'\n`);
    chmodSync(join(root, "bin/openclaw"), 0o755);
    expect(await fill(given)).toMatchObject({ refused: expect.stringContaining("has just been changed") });
    expect(now()).toBe("{ mine: 1 }");
    expect(all().filter((path) => path.includes("claw-mesh") || path.endsWith(".tmp"))).toEqual([]);
  });

  test("that cannot be read stays as it is", async () => {
    await addOpenclaw();
    writeFileSync(file(), "{ broken");
    expect(await fill(given)).toMatchObject({ refused: expect.any(String) });
    expect(now()).toBe("{ broken");
  });

  test("is filled in where a link leads, and the link stays", async () => {
    await addOpenclaw();
    await Bun.write(join(root, "dotfiles/openclaw.json"), own);
    await rm(file());
    await symlink(join(root, "dotfiles/openclaw.json"), file());
    expect(await fill(given)).toMatchObject({ added: ["agents.defaults.userTimezone"] });
    expect(readFileSync(join(root, "dotfiles/openclaw.json"), "utf8")).toContain("Asia/Tokyo");
    expect(existsSync(file())).toBeTrue();
  });
});

describe("a coordinator", () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => lines.push(line), format: "text", level: "info" });
  beforeEach(async () => {
    lines.length = 0;
    await Bun.write(join(root, "home/.openclaw/openclaw.json"), "{}");
  });

  async function sync(
    answer: (path: string, request: Request) => Response,
    { when = "once", name = "heron" }: { readonly when?: "once" | "now"; readonly name?: string } = {},
  ): Promise<void> {
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => answer(new URL(request.url).pathname, request),
    });
    await syncSeed(
      {
        url: `http://127.0.0.1:${server.port}`,
        fetch,
        proxyUrl: null,
        token: new Secret("node-token"),
        meshId: "mesh_1",
      },
      {
        env: { HOME: join(root, "home"), PATH: join(root, "bin") },
        clock: systemClock,
        log,
        dataDir: join(root, "data"),
        name,
        when,
      },
    );
  }

  const nothing = () => Response.json({ error: "no", code: "SEED_NOT_FOUND" }, { status: 404 });

  test("of the classic kind is understood, and shown the node's own token", async () => {
    await addOpenclaw();
    const shown: (string | null)[] = [];
    await sync((path, request) => {
      shown.push(request.headers.get("authorization"));
      return path.endsWith("/workspace")
        ? Response.json({ files: [{ path: "SOUL.md", content: "soul" }] })
        : Response.json({ ui: { seamColor: "#ff8800" }, models: { a: 1 }, logging: { file: "/x" } });
    });
    expect(text("SOUL.md")).toContain("soul");
    expect(JSON.parse(readFileSync(join(root, "home/.openclaw/openclaw.json"), "utf8"))).toEqual({
      ui: { seamColor: "#ff8800" },
    });
    expect(shown).toEqual(["Bearer node-token", "Bearer node-token"]);
  });

  const offer =
    (asked: string[], config: Readonly<Record<string, unknown>> = { ui: { seamColor: "#ff8800" } }) =>
    (path: string): Response => {
      asked.push(path.split("/").at(-1) ?? "");
      return path.endsWith("/workspace")
        ? Response.json({ files: [{ path: "SOUL.md", content: `soul ${asked.length}` }] })
        : Response.json(config);
    };

  test("is asked once by each node, and again when a person says so", async () => {
    await addOpenclaw();
    const asked: string[] = [];
    await sync(offer(asked));
    await sync(offer(asked));
    expect(asked).toEqual(["workspace", "config"]);
    await sync(offer(asked), { when: "now" });
    await sync(offer(asked), { name: "ibis" });
    expect(asked).toHaveLength(6);
  });

  test("is asked again for what was not taken", async () => {
    const asked: string[] = [];
    await sync(offer(asked));
    await addOpenclaw();
    await sync(offer(asked));
    expect(asked).toEqual(["workspace", "config", "config"]);
    await sync(nothing, { name: "ibis" });
    await sync(offer(asked), { name: "ibis" });
    expect(asked).toHaveLength(5);
  });

  test("leaves a list of what it changed, for this user alone, so that it can be undone", async () => {
    await addOpenclaw();
    await sync(offer([]));
    const list = join(root, "data/seed/changes.jsonl");
    expect(statSync(list).mode & 0o777).toBe(0o600);
    expect(lines.join("")).toContain(list);
    const told = readFileSync(list, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told.map(({ change, identity }) => [change, identity])).toEqual([
      ["created", "mesh_1 heron"],
      ["changed", "mesh_1 heron"],
    ]);
    for (const { file, backup } of told) {
      if (backup === null) await rm(file);
      else renameSync(backup, file);
    }
    expect(all().filter((path) => path.startsWith("home"))).toEqual(["home/.openclaw/openclaw.json"]);
    expect(readFileSync(join(root, "home/.openclaw/openclaw.json"), "utf8")).toBe("{}");
  });

  test("that offers nothing is no trouble", async () => {
    await sync(nothing);
    expect(lines.join("")).not.toMatch(/WARN/i);
  });

  const answers: Readonly<Record<string, () => Response>> = {
    "10,000 files": () =>
      Response.json({
        files: Array.from({ length: 10_000 }, (_, at) => ({ path: `memory/${at}.md`, content: "x" })),
      }),
    "a file without end": () =>
      Response.json({ files: [{ path: "SOUL.md", content: "x".repeat(2 * 1024 * 1024) }] }),
    "brackets without end": () => new Response("[".repeat(1_000_000)),
    HTML: () => new Response("<html>"),
    "another address": () => Response.redirect("http://127.0.0.1:1/"),
    "a failure": () => Response.json({ error: "boom" }, { status: 500 }),
  };
  test.each(Object.entries(answers))("that answers with %s costs one warning", async (_, answer) => {
    await sync((path) => (path.endsWith("/workspace") ? answer() : nothing()));
    expect(lines.filter((line) => /warn/i.test(line))).toHaveLength(1);
    expect(all()).toEqual(["home/.openclaw/openclaw.json"]);
  });

  test("is not asked where OpenClaw is not set up", async () => {
    await rm(join(root, "home"), { recursive: true });
    await sync(() => {
      throw new Error("asked");
    });
    expect(lines.filter((line) => /warn/i.test(line))).toHaveLength(1);
  });
});
