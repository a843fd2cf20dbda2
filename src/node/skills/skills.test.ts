import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLog, type Log, silentLog } from "../../platform/log.ts";
import { Capabilities } from "../../protocol/capability.ts";
import { chooseSkills } from "./choose-skills.ts";
import { createSkillSearch } from "./find-skills.ts";
import { noNeeds } from "./found-skill.ts";
import { parseSimpleYaml } from "./simple-yaml.ts";
import { createSkillFolders } from "./skill-files.ts";
import { parseSkillsFile } from "./skills-file.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "skills-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function addProgram(name: string): Promise<void> {
  await Bun.write(join(root, "bin", name), "#!/bin/sh\n");
  await chmod(join(root, "bin", name), 0o755);
}

const addSkill = (folder: string, yaml: string) =>
  Bun.write(join(root, folder, "SKILL.md"), `---\n${yaml}\n---\n\n# How\n`);

const search = (log: Log = silentLog, env: Record<string, string> = {}) =>
  createSkillSearch({
    env: { HOME: root, PATH: join(root, "bin"), ...env },
    clock: systemClock,
    platform: "linux",
    dataDir: join(root, "data"),
    log,
  });

async function detailOf(name: string, env: Record<string, string> = {}) {
  return (await search(silentLog, env)()).skill_details?.find((detail) => detail.name === name);
}

const lines: string[] = [];
const recorded = () => {
  lines.length = 0;
  return createLog({ write: (line) => lines.push(line), format: "text", level: "debug" });
};

describe("skills of agents", () => {
  test.each([
    ".openclaw/workspace/skills/one",
    ".openclaw/workspace/.agents/skills/one",
    ".openclaw/skills/one",
    ".agents/skills/one",
    ".zeroclaw/shared/skills/one",
    ".zeroclaw/agents/main/workspace/skills/one",
    ".claude/skills/one",
    ".claude/skills/by-subject/one",
  ])("are found in %s", async (folder) => {
    await addSkill(folder, "name: summarise\ndescription: Makes texts short");
    expect(await search()()).toEqual({
      skills: ["summarise"],
      skill_details: [{ name: "summarise", from: "agent", description: "Makes texts short", missing: [] }],
    });
  });

  test("are found where OpenClaw's own configuration has its workspaces", async () => {
    await Bun.write(
      join(root, "conf.json5"),
      `{ agents: { defaults: { workspace: "~/w" }, entries: { b: { workspace: "${root}/v" } } } } // mine`,
    );
    await addSkill("w/skills/one", "name: first");
    await addSkill("v/skills/two", "name: second");
    const found = await search(silentLog, { OPENCLAW_CONFIG_PATH: join(root, "conf.json5") })();
    expect(found.skills.toSorted()).toEqual(["first", "second"]);
  });

  test("are found where OpenClaw's profile, its state, or `~` in its variables says", async () => {
    await addSkill(".openclaw-work/workspace/skills/one", "name: profile");
    await addSkill("state/skills/two", "name: state");
    await addSkill("ws/skills/three", "name: workspace");
    const names = async (env: Record<string, string>) => (await search(silentLog, env)()).skills;
    expect(await names({ OPENCLAW_PROFILE: "work" })).toEqual(["profile"]);
    expect(await names({ OPENCLAW_STATE_DIR: "~/state" })).toEqual(["state"]);
    expect(await names({ OPENCLAW_WORKSPACE_DIR: "~/ws" })).toEqual(["workspace"]);
  });

  test("take the name of their folder when they have none", async () => {
    await addSkill(".claude/skills/pdf", "description: Reads PDF files");
    expect((await search()()).skills).toEqual(["pdf"]);
  });

  const openclaw = (requires: object) =>
    addSkill(".openclaw/skills/video", `name: video\nmetadata: {"openclaw": ${JSON.stringify(requires)}}`);
  const missing = async (env?: Record<string, string>) => (await detailOf("video", env))?.missing;

  test("that lack something are present and cannot be used", async () => {
    await openclaw({
      os: ["darwin"],
      requires: { bins: ["ffmpeg"], anyBins: ["a", "b"], env: ["API_URL"], config: ["browser.enabled"] },
    });
    expect((await search()()).skills).toEqual([]);
    expect(await missing()).toEqual([
      "os darwin",
      "program ffmpeg",
      "program a or b",
      "variable API_URL",
      "config key browser.enabled",
    ]);
  });

  test("can be used as soon as all is there", async () => {
    await openclaw({
      os: ["linux", "darwin"],
      requires: { bins: ["mux"], anyBins: ["a", "b"], env: ["API_URL"], config: ["browser.enabled"] },
    });
    const look = search(silentLog, { API_URL: "http://x" });
    expect((await look()).skills).toEqual([]);
    for (const name of ["mux", "b"]) await addProgram(name);
    await Bun.write(join(root, ".openclaw/openclaw.json"), "{ browser: { enabled: true } }");
    expect((await look()).skills).toEqual(["video"]);
  });

  test("may have their key in OpenClaw's configuration", async () => {
    await openclaw({ requires: { env: ["KEY", "OTHER"] }, primaryEnv: "KEY" });
    await Bun.write(
      join(root, ".openclaw/openclaw.json"),
      '{ skills: { entries: { video: { apiKey: "k", env: { OTHER: "x" } } } } }',
    );
    expect(await missing()).toEqual([]);
  });

  test("that are always on need their operating system only", async () => {
    await openclaw({ always: true, os: ["darwin"], requires: { bins: ["none"] } });
    expect(await missing()).toEqual(["os darwin"]);
  });

  test("give way to a program that gives the same skill, unless they lack nothing", async () => {
    await addSkill(
      ".openclaw/skills/docker",
      'name: Docker\nmetadata: {"openclaw": {"requires": {"env": ["X"]}}}',
    );
    expect((await search()()).skills).toEqual([]);
    await addProgram("docker");
    expect(await search()()).toMatchObject({
      skills: ["docker"],
      skill_details: [{ name: "docker", from: "path", missing: [] }],
    });
  });

  test("that are called like a program count as that program only where it is there", async () => {
    await addSkill(".openclaw/skills/docker", "name: Docker\ndescription: How to use it");
    await addSkill(".openclaw/skills/kube", 'name: kubernetes\nmetadata: {"openclaw": {"always": true}}');
    expect((await search()()).skills).toEqual([]);
    expect((await detailOf("Docker"))?.missing).toEqual(["program docker"]);
    expect((await detailOf("kubernetes"))?.missing).toEqual(["program kubectl or k3s or microk8s"]);
    await addProgram("docker");
    expect((await search()()).skills).toEqual(["docker"]);
  });

  test("that lack something give way to a later one that does not, and what was declared to nothing", async () => {
    await addSkill(
      ".openclaw/workspace/skills/x",
      "name: x\nmetadata: {openclaw: {requires: {bins: [none]}}}",
    );
    await Bun.write(join(root, "data/skills.yaml"), "skills: [{name: X, requires: {bins: [none]}}]");
    await addProgram("x");
    expect(await detailOf("X")).toMatchObject({ from: "file", missing: ["program none"] });
    const here = {
      platform: "linux",
      hasProgram: () => false,
      hasVariable: () => false,
      hasConfig: () => false,
    } as const;
    const skill = (from: "file" | "path" | "agent", bins: readonly string[]) => ({
      name: "y",
      from,
      description: null,
      needs: { ...noNeeds, bins },
    });
    const orders = [
      [skill("agent", ["none"]), skill("path", [])],
      [skill("path", []), skill("agent", ["none"])],
    ];
    for (const order of orders)
      expect(chooseSkills(order, here).details).toMatchObject([{ from: "path", missing: [] }]);
    const declared = [skill("path", []), skill("file", ["none"]), skill("agent", [])];
    expect(chooseSkills(declared, here)).toMatchObject({ usable: [], details: [{ from: "file" }] });
  });

  test("that are read again are read from the disk only when they have changed", async () => {
    const path = join(root, ".claude/skills/x/SKILL.md");
    await addSkill(".claude/skills/x", "name: first");
    const at = new Date(1_700_000_000_000);
    await utimes(path, at, at);
    const look = search();
    expect((await look()).skills).toEqual(["first"]);
    await addSkill(".claude/skills/x", "name: other");
    await utimes(path, at, at);
    expect((await look()).skills).toEqual(["first"]);
    await utimes(path, at, new Date(1_700_000_001_000));
    expect((await look()).skills).toEqual(["other"]);
    await rm(path);
    expect((await look()).skills).toEqual([]);
  });

  test("are bounded, as are the folders of one place", async () => {
    const folders = createSkillFolders({
      clock: systemClock,
      log: recorded(),
      maxSkillFiles: 4,
      maxFolders: 12,
    });
    for (let at = 0; at < 6; at++) await addSkill(`many/a${at % 3}/s${at}`, `name: s${at}`);
    expect(await folders([join(root, "many"), join(root, "more")])).toHaveLength(4);
    expect(lines.join("")).toContain("too many skills");
    for (let at = 0; at < 14; at++) await mkdir(join(root, `empty/a${at % 2}/b${at}`), { recursive: true });
    await addSkill("empty/z", "name: last");
    expect(await folders([join(root, "empty")])).toEqual([]);
    expect(lines.join("")).toContain("too many folders for skills");
  });

  test("of a place that takes too long are given up, and those of the next are read", async () => {
    const clock = createManualClock();
    for (let at = 0; at < 200; at++) await addSkill(`slow/s${at}`, `name: s${at}`);
    await addSkill("next/x", "name: x");
    const folders = createSkillFolders({ clock, log: recorded() });
    const looking = folders([join(root, "slow"), join(root, "next")]);
    clock.advance(5_000);
    const found = await looking;
    const names = found.map(({ name }) => name);
    expect(names).toContain("x");
    expect(names.length).toBeLessThan(200);
    expect(lines.join("")).toContain("takes too long");
    expect((await folders([join(root, "next")])).map(({ name }) => name)).toEqual(["x"]);
  });

  test("of the workspace go before those of the user", async () => {
    await addSkill(".openclaw/workspace/skills/x", "name: x\ndescription: near");
    await addSkill(".agents/skills/x", "name: x\ndescription: far");
    expect((await detailOf("x"))?.description).toBe("near");
  });

  const broken: Readonly<Record<string, string>> = {
    "no front matter": "# Just text",
    "a front matter without an end": "---\nname: a\n",
    "broken YAML": "---\nname: [a\n---\n",
    "a comma in its name": "---\nname: a,b\n---\n",
    "a name that turns text round": "---\nname: \u202ea\n---\n",
    "requirements that are no list": "---\nname: a\nmetadata: {openclaw: {requires: {bins: {a: 1}}}}\n---\n",
    "a bomb of aliases": "---\nname: a\nb: &b [x,x]\nc: &c [*b,*b]\nd: [*c,*c]\n---\n",
    "a front matter of more than 4 KiB": `---\nname: a\nb: ${"x".repeat(4_096)}\n---\n`,
    "a million brackets": `---\nname: a\nb: ${"[".repeat(30_000)}\n---\n`,
    "keys without end": `---\nname: a\nb: ${"? ".repeat(10_000)}\n---\n`,
    "lists without end": `---\nname: a\nb:\n  ${"- ".repeat(10_000)}\n---\n`,
    "a NUL": "---\nname: a\n---\n\0",
  };
  test.each(Object.entries(broken))("with %s are skipped at once, and told at debug", async (_, text) => {
    await Bun.write(join(root, ".claude/skills/bad/SKILL.md"), text);
    await addSkill(".claude/skills/good", "name: good");
    expect((await search(recorded())()).skills).toEqual(["good"]);
    expect(lines.join("")).toMatch(/DEBUG.*skill skipped/i);
  });

  test("are read through links, but not round in circles, and not from pipes", async () => {
    await addSkill("repo/linked", "name: linked");
    await mkdir(join(root, ".claude/skills/pipe"), { recursive: true });
    await symlink(join(root, "repo/linked"), join(root, ".claude/skills/linked"));
    await symlink(join(root, ".claude/skills"), join(root, ".claude/skills/again"));
    await symlink("/dev/zero", join(root, ".claude/skills/zero"));
    Bun.spawnSync(["mkfifo", join(root, ".claude/skills/pipe/SKILL.md")]);
    expect((await search()()).skills).toEqual(["linked"]);
  });

  test("are looked for once in each real folder, however many links lead there", async () => {
    for (let at = 0; at < 3; at++) await addSkill(`real/s${at}`, `name: s${at}`);
    for (const name of ["one", "two"]) await symlink(join(root, "real"), join(root, name));
    const places = [join(root, "real"), join(root, "one"), join(root, "two")];
    const folders = createSkillFolders({ clock: systemClock, log: recorded(), maxSkillFiles: 4 });
    expect(await folders(places)).toHaveLength(3);
    expect(lines.join("")).not.toContain("too many skills");
  });

  test("beyond what the mesh takes are left out, which is told once; those that can be used stay", async () => {
    for (let at = 0; at < 300; at++) {
      const needs = at < 60 ? '\nmetadata: {openclaw: {requires: {bins: ["none"]}}}' : "";
      await addSkill(`.claude/skills/s${String(at).padStart(3, "0")}`, `description: d${needs}`);
    }
    const look = search(recorded());
    const { skills, skill_details } = await look();
    expect([skills.length, skill_details?.length]).toEqual([240, 256]);
    expect(lines.join("")).toMatch(/left_out=44/);
    lines.length = 0;
    await look();
    expect(lines.join("")).not.toContain("left_out");
  });

  test("with long texts stay valid on the wire", async () => {
    const needs = Array.from({ length: 32 }, (_, at) => `p${at}${"x".repeat(90)}`);
    for (let at = 0; at < 100; at++) {
      await addSkill(
        `.claude/skills/s${at}`,
        `description: ${"😀".repeat(200)}\nmetadata: ${JSON.stringify({ openclaw: { requires: { bins: needs } } })}`,
      );
    }
    const found = await search()();
    const capabilities = { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], ...found };
    expect(Capabilities.safeParse(capabilities).error).toBeUndefined();
    expect(found.skill_details?.length).toBeGreaterThan(20);
  });
});

describe("skills.yaml", () => {
  test("declares skills by name, or with what they need", () => {
    const { skills, problems } = parseSkillsFile(
      "skills:\n  - notes # mine\n  - name: publish\n    description: To the shop\n    requires: { bins: fastlane, env: [KEY] }\n",
    );
    expect(problems).toEqual([]);
    expect(skills).toMatchObject([
      { name: "notes", description: null, needs: { bins: [] } },
      { name: "publish", description: "To the shop", needs: { bins: ["fastlane"], env: ["KEY"] } },
    ]);
  });

  test("has the last word about a skill", async () => {
    await addProgram("docker");
    await Bun.write(
      join(root, "data/skills.yaml"),
      "skills: [{name: Docker, requires: {env: [DOCKER_OK]}}, notes]",
    );
    expect((await search()()).skills).toEqual(["notes"]);
    expect(await detailOf("Docker")).toMatchObject({ from: "file", missing: ["variable DOCKER_OK"] });
  });

  test.each([
    ["no list", "skills: docker"],
    ["a typo", "skils: [a]"],
    ["no YAML", "skills: [a"],
    ["an entry that is none", "skills: [a, {nam: b}]"],
    ["a name with a comma", 'skills: [a, "b,c"]'],
  ])("with %s tells what is wrong", (_, text) => {
    expect(parseSkillsFile(text).problems).toHaveLength(1);
  });

  test("that is wrong is warned of once, and the rest of it counts", async () => {
    await Bun.write(join(root, "data/skills.yaml"), "skills: [good, {nam: b}]");
    const look = search(recorded());
    expect((await look()).skills).toEqual(["good"]);
    await look();
    expect(lines.join("").match(/skills\.yaml is not understood/g)).toHaveLength(1);
  });
});

test("simple YAML knows no types of its own, no merge keys and no changed prototypes", () => {
  const value = parseSimpleYaml("a: !!js/function 'x'\n__proto__: {polluted: 1}\n<<: {c: 1}\n");
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
});
