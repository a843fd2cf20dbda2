/** The real OpenClaw reads what a seed made of its configuration, and sees the same skills as a node does. No gateway runs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { delimiter, join } from "node:path";
import { toShareableConfig } from "../../src/domain/seed/shareable-config.ts";
import { takeConfig } from "../../src/node/seed/take-config.ts";
import { createSkillSearch } from "../../src/node/skills/find-skills.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLog } from "../../src/platform/log.ts";
import { nodeBinDirectory, openclawEntry } from "../support/openclaw/install.ts";
import { isOpenclawWanted } from "../support/openclaw/shared-gateway.ts";
import { createTempDir } from "../support/temp-dir.ts";

const root = join(import.meta.dir, "..", "..");
const limitMs = 120_000;

let dir: Awaited<ReturnType<typeof createTempDir>>;
let env: Record<string, string>;
const file = () => join(dir.path, ".openclaw", "openclaw.json");

beforeAll(async () => {
  dir = await createTempDir();
  const bin = nodeBinDirectory(root);
  const program = join(dir.path, "bin", "openclaw");
  await Bun.write(program, `#!/bin/sh\nexec '${join(bin, "node")}' '${openclawEntry(root)}' "$@"\n`);
  chmodSync(program, 0o755);
  env = { HOME: dir.path, PATH: [join(dir.path, "bin"), bin, "/usr/bin", "/bin"].join(delimiter) };
});
afterAll(() => dir[Symbol.asyncDispose]());

const own = `{
  // of this machine
  gateway: { mode: "local", bind: "loopback", auth: { mode: "token", token: "not-a-secret" } },
  agents: { defaults: { skipBootstrap: true } },
}
`;

/** As a coordinator's machine may have it. */
const theirs = {
  gateway: { mode: "local", port: 41789, auth: { mode: "token", token: "their-token" } },
  models: {
    providers: {
      work: {
        baseUrl: "https://models.example.com/v1",
        apiKey: "sk-their-own-key",
        api: "openai-completions",
        models: [{ id: "m-1", name: "m-1" }],
      },
    },
  },
  agents: {
    defaults: {
      model: { primary: "work/m-1" },
      workspace: "/srv/w",
      heartbeat: { every: "0m" },
      userTimezone: "Asia/Shanghai",
      typingMode: "thinking",
    },
  },
  mcp: {
    servers: {
      docs: { url: "https://mcp.example.com/mcp", transport: "streamable-http", headers: { A: "b" } },
    },
  },
  ui: {
    seamColor: "#ff8800",
    prefs: { theme: "claw", themeMode: "dark", accent: "theme", locale: "zh-CN", chatSendShortcut: "enter" },
  },
  messages: { ackReaction: "👀", responsePrefix: "[home]" },
  talk: { speechLocale: "de-DE", interruptOnSpeech: true },
};

const fill = (given: unknown) =>
  takeConfig(file(), toShareableConfig(given), { env, home: dir.path, clock: systemClock });

async function openclaw(...args: readonly string[]) {
  const child = Bun.spawn(["openclaw", ...args], { env, stdout: "pipe", stderr: "ignore", cwd: dir.path });
  return { text: await child.stdout.text(), code: await child.exited };
}

describe.skipIf(!isOpenclawWanted)("OpenClaw", () => {
  test(
    "takes a configuration that was filled in",
    async () => {
      await Bun.write(file(), own);
      expect(await fill(theirs)).toMatchObject({
        added: ["ui", "agents.defaults.userTimezone", "agents.defaults.typingMode", "messages", "talk"],
      });
      const text = await Bun.file(file()).text();
      expect(text).toContain("// of this machine");
      expect(text).not.toMatch(/their-token|sk-their|\/srv\/w|example\.com|m-1|heartbeat/);
      expect((await openclaw("config", "validate")).code).toBe(0);
      expect(await fill(theirs)).toMatchObject({ added: [] });
    },
    limitMs,
  );

  test(
    "keeps its own where it does not take the result",
    async () => {
      await Bun.write(file(), own);
      expect(await fill({ ui: { prefs: { theme: "no-such-theme" } } })).toMatchObject({
        refused: expect.any(String),
      });
      expect(await Bun.file(file()).text()).toBe(own);
    },
    limitMs,
  );

  test(
    "finds the same of its skills ready as a node, and the same missing",
    async () => {
      await Bun.write(file(), own);
      const skill = (name: string, requires: object) =>
        Bun.write(
          join(dir.path, ".openclaw/workspace/skills", name, "SKILL.md"),
          `---\nname: ${name}\ndescription: For tests\nmetadata: ${JSON.stringify({ openclaw: requires })}\n---\n\n# ${name}\n`,
        );
      await skill("mesh-ready", { requires: { bins: ["sh"] } });
      await skill("mesh-program", { requires: { bins: ["no-such-program"] } });
      await skill("mesh-either", { requires: { anyBins: ["no-such-program", "sh"] } });
      await skill("mesh-variable", { requires: { env: ["NO_SUCH_VARIABLE"] } });
      await skill("mesh-config", { requires: { config: ["browser.no.such"] } });
      await skill("mesh-os", { os: ["win32"] });
      await skill("mesh-always", { always: true, requires: { bins: ["no-such-program"] } });
      const { text } = await openclaw("skills", "list", "--json");
      const listed: { name: string; eligible: boolean }[] = JSON.parse(text).skills;
      const theirs = listed
        .filter(({ name, eligible }) => name.startsWith("mesh-") && eligible)
        .map(({ name }) => name);
      const search = createSkillSearch({
        env,
        clock: systemClock,
        platform: process.platform,
        dataDir: dir.path,
        log: silentLog,
      });
      const ours = (await search()).skills.filter((name) => name.startsWith("mesh-"));
      expect(ours.toSorted()).toEqual(["mesh-always", "mesh-either", "mesh-ready"]);
      expect(theirs.toSorted()).toEqual(ours.toSorted());
    },
    limitMs,
  );
});
