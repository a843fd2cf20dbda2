/**
 * How npm is asked for OpenClaw, and what is made of its failures. The npm here is a script that does as a test says;
 * test/openclaw/auto-install.test.ts runs the real one.
 */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { createFetch } from "../../../src/platform/http-fetch.ts";
import { MeshError } from "../../../src/protocol/errors.ts";
import { planInstall, runInstall } from "../../../src/provision/install/install.ts";
import {
  nodePins,
  openclawPin,
  type PackagePin,
  type PackagePins,
} from "../../../src/provision/install/pins.ts";
import { findInstalled } from "../../../src/provision/installed-programs.ts";
import { probeMachine } from "../../../src/provision/machine-probe.ts";
import type { ProvisionDeps } from "../../../src/provision/provision-deps.ts";
import type { ProvisionProgress } from "../../../src/provision/provision-step.ts";
import { createTempDir, type TempDir } from "../../support/temp-dir.ts";

setDefaultTimeout(30_000);

let home: TempDir;
const bin = () => join(home.path, "bin");
const prefix = () => join(home.path, "prefix");
const dataDir = () => join(home.path, ".claw-mesh");

beforeEach(async () => {
  home = await createTempDir();
  await mkdir(bin());
  await mkdir(prefix());
});
afterEach(() => home[Symbol.asyncDispose]());

/** What the npm of these tests packs has this hash; what is in the pins of a release is another matter. */
function hashOfPackage(spec: string): string {
  return `sha512-${createHash("sha512").update(`package ${spec}`).digest("base64")}`;
}

const pinned = (pin: PackagePin): PackagePin => ({
  ...pin,
  integrity: hashOfPackage(`${pin.name}@${pin.version}`),
});
const pins: PackagePins = { openclaw: pinned(openclawPin), nodes: nodePins.map(pinned) };

/** `fails`: what `npm install` of OpenClaw does in place of installing it; `packs`: what it fetches in place of the package. */
interface FakeNpm {
  readonly fails?: string;
  readonly packs?: string;
  readonly viewFails?: string;
  readonly integrity?: string;
  readonly version?: string;
}

/** Each call is a line in `calls`: the Node.js that PATH has first, and the arguments. */
async function writeNpm(fake: FakeNpm = {}): Promise<void> {
  const { fails = "", viewFails = "", packs = "package $2", integrity, version } = fake;
  const told = version ?? openclawPin.version;
  const openclawHash = integrity ?? hashOfPackage(`openclaw@${told}`);
  const nodeHashes = pins.nodes.map(
    (pin) => `${pin.name}@*) echo '{"version":"${pin.version}","dist.integrity":"${pin.integrity}"}' ;;`,
  );
  await writeProgram(
    "npm",
    `
echo "$(command -v node) $*" >> '${home.path}/calls'
for file in "$@"; do :; case "$file" in *.tgz) break ;; esac; done
case "$1" in view | pack | install) printenv >> '${home.path}/npm-env' ;; esac
case "$1" in
  --version) echo 11.19.1 ;;
  prefix) echo '${prefix()}' ;;
  view)
    ${viewFails}
    case "$2" in
      openclaw@*) echo '{"version":"${told}","dist.integrity":"${openclawHash}"}' ;;
      ${nodeHashes.join("\n      ")}
    esac ;;
  pack) printf %s "${packs}" > "$6/packed.tgz" ;;
  install)
    case "$*" in
      *--global*)
        ${fails}
        folder="$4/lib/node_modules/openclaw"
        mkdir -p "$folder"
        echo '{"name":"openclaw","version":"${told}","bin":{"openclaw":"openclaw.mjs"}}' > "$folder/package.json"
        touch "$folder/openclaw.mjs" ;;
      *)
        name="$(basename "$file")"
        folder="$3/node_modules/\${name%-[0-9]*.tgz}/bin"
        mkdir -p "$folder"
        printf '#!/bin/sh\\necho v24.21.0\\n' > "$folder/node"
        chmod +x "$folder/node" ;;
    esac ;;
esac
`,
  );
}

async function writeProgram(name: string, body: string): Promise<void> {
  await writeFile(join(bin(), name), `#!/bin/sh\n${body}`);
  await chmod(join(bin(), name), 0o755);
}

const writeNode = (version: string) => writeProgram("node", `echo ${version}\n`);

function deps(env: Readonly<Record<string, string>> = {}): ProvisionDeps {
  const all = { PATH: `${bin()}:/usr/bin/nowhere:/bin`, HOME: home.path, ...env };
  return {
    env: all,
    home: home.path,
    dataDir: dataDir(),
    clock: systemClock,
    fetch: createFetch({ env: all }),
  };
}

async function install(
  version: string | null = null,
  env: Readonly<Record<string, string>> = {},
  more: Partial<ProvisionDeps> = {},
) {
  const given = { ...deps(env), ...more };
  const facts = await probeMachine({ env: given.env, clock: systemClock });
  const seen: ProvisionProgress[] = [];
  const plan = await planInstall("openclaw", { version, facts, pins }, given);
  const signal = new AbortController().signal;
  const installed = await runInstall(plan, { onProgress: (one) => void seen.push(one), signal }, given);
  return { installed, plan, seen };
}

const problem = async (run: Promise<unknown>) => {
  const error: unknown = await run.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof MeshError)) return error;
  const { code, message, hint, details } = error;
  return { code, message, hint, details };
};

const calls = async () =>
  (await readFile(join(home.path, "calls"), "utf8"))
    .split("\n")
    .filter((line) => / (?:view|pack|install) /.test(line));

const download = (version = openclawPin.version) =>
  join(dataDir(), "runtimes", "downloads", `openclaw-${version}.tgz`);

const openclawFolder = (at = prefix()) => join(at, "lib", "node_modules", "openclaw");

describe("an installation of OpenClaw", () => {
  test("fetches the package, checks it and installs the file, where the machine's Node.js will do", async () => {
    await writeNode("v24.16.0");
    await writeNpm();
    const { installed } = await install();
    const node = join(bin(), "node");
    expect(installed).toEqual({
      kind: "openclaw",
      version: openclawPin.version,
      command: [node, join(openclawFolder(), "openclaw.mjs")],
      env: {},
    });
    const spec = `openclaw@${openclawPin.version}`;
    const quiet = "--no-audit --no-fund --loglevel=error";
    const folder = join(dataDir(), "runtimes", "downloads", "npm-pack");
    expect(await calls()).toEqual([
      `${node} view ${spec} version dist.integrity --fetch-retries=1 --fetch-retry-mintimeout=1000 --json ${quiet}`,
      `${node} pack ${spec} --ignore-scripts --no-dry-run --pack-destination ${folder} ${quiet}`,
      `${node} install --global --prefix ${prefix()} --no-dry-run --no-package-lock-only ${download()} --json ${quiet}`,
    ]);
    expect(await findInstalled("openclaw", deps())).toEqual(installed);
    expect(await readdir(join(dataDir(), "runtimes", "downloads"))).toEqual([]);
    expect(await Bun.file(join(dataDir(), "runtimes", "openclaw", "install.json")).json()).toMatchObject({
      source: spec,
      checksum: hashOfPackage(spec),
    });
  });

  test("brings a Node.js of its own where the machine's is too old, and runs the second command under it", async () => {
    await writeNode("v20.20.2");
    await writeNpm();
    const { installed, seen } = await install();
    const folder = join(dataDir(), "runtimes", "nodejs");
    const [node = ""] = installed.command;
    expect(node).toStartWith(join(folder, "node_modules", "node-"));
    expect(installed.env.PATH).toStartWith(`${join(node, "..")}:${bin()}:`);
    const installs = (await calls()).filter((call) => call.includes(" install "));
    expect(installs[0]).toStartWith(
      `${join(bin(), "node")} install --prefix ${folder} --no-global --location=project --no-save --ignore-scripts`,
    );
    expect(installs[1]).toStartWith(`${node} install --global --prefix ${prefix()} `);
    const done = seen.filter(({ state }) => state === "done");
    const names = done.map(({ step }) => ("installs" in step ? String(step.installs) : step.do));
    expect(names).toEqual(["fetch", "node", "fetch", "openclaw"]);
  });

  test("does nothing the second time, and keeps a newer one that somebody installed", async () => {
    await writeNode("v24.16.0");
    await writeNpm();
    await install();
    const before = await calls();
    expect((await install()).seen.map(({ state }) => state)).toEqual(["skipped"]);
    const file = join(openclawFolder(), "package.json");
    await writeFile(file, (await readFile(file, "utf8")).replace(openclawPin.version, "2027.1.1"));
    expect((await install()).installed.version).toBe("2027.1.1");
    expect(await calls()).toEqual(before);
  });

  test("gets only what is missing when an earlier run was ended in between", async () => {
    await writeNode("v20.20.2");
    await writeNpm({ fails: "kill -9 $$" });
    expect(await problem(install())).toMatchObject({ code: "RUNTIME_INSTALL_FAILED" });
    await writeNpm();
    const again = await install();
    expect(
      again.seen.map(({ step, state }) => ["installs" in step ? step.installs : step.do, state]),
    ).toEqual([
      ["node", "skipped"],
      ["fetch", "started"],
      ["fetch", "done"],
      ["openclaw", "started"],
      ["openclaw", "done"],
    ]);
  });

  test("goes into ~/.local where npm's global folder is not this user's to write", async () => {
    await writeNode("v24.16.0");
    await writeNpm();
    // A file in the place of a folder stops root, too.
    await writeFile(join(prefix(), "lib"), "");
    const { plan } = await install();
    expect(plan.kind === "openclaw" && plan.prefix).toBe(join(home.path, ".local"));
    expect(await Bun.file(join(openclawFolder(join(home.path, ".local")), "package.json")).exists()).toBe(
      true,
    );
  });

  test("takes a version that was asked for, whose integrity is the registry's", async () => {
    await writeNode("v24.16.0");
    await writeNpm({ version: "2026.10.1" });
    expect((await install("2026.10.1")).installed.version).toBe("2026.10.1");
    expect(await problem(install("2026.10.2"))).toMatchObject({
      code: "RUNTIME_INSTALL_FAILED",
      message: expect.stringContaining("2026.10.1 where 2026.10.2 was wanted"),
    });
    expect(await problem(install("--registry=http://example.org"))).toMatchObject({ code: "USAGE" });
  });

  test("gives npm the proxy and the certificates, and neither keys of providers nor our own", async () => {
    await writeNode("v24.16.0");
    await writeNpm();
    await install(null, {
      HTTPS_PROXY: "http://proxy.example:3128",
      NODE_EXTRA_CA_CERTS: "/etc/ca.pem",
      CLAW_MESH_API_KEY: "key-one",
      CLAW_MESH_TOKEN: "key-two",
      ANTHROPIC_API_KEY: "key-three",
      OPENAI_API_KEY: "key-four",
      DEEPSEEK_API_KEY: "key-five",
      AWS_SECRET_ACCESS_KEY: "key-six",
      GITHUB_TOKEN: "key-seven",
      DB_PASSWORD: "key-eight",
      NPM_TOKEN: "npm-one",
      NODE_AUTH_TOKEN: "npm-two",
      MAX_TOKENS: "4096",
    });
    const seen = await readFile(join(home.path, "npm-env"), "utf8");
    expect(seen).toContain("HTTPS_PROXY=http://proxy.example:3128");
    expect(seen).toContain("NODE_EXTRA_CA_CERTS=/etc/ca.pem");
    expect(seen).not.toContain("key-");
    for (const kept of ["npm-one", "npm-two", "MAX_TOKENS"]) expect(seen).toContain(kept);
  });

  test("lets other users of the machine run what is global, and only its owner the private Node.js", async () => {
    await writeNode("v20.20.2");
    await writeNpm();
    const before = process.umask(0o077);
    try {
      const { installed } = await install(null, {}, { startUmask: 0o022 });
      const [node = ""] = installed.command;
      expect((await stat(join(openclawFolder(), "openclaw.mjs"))).mode & 0o777).toBe(0o644);
      expect((await stat(openclawFolder())).mode & 0o777).toBe(0o755);
      expect((await stat(node)).mode & 0o077 & 0o066).toBe(0);
    } finally {
      process.umask(before);
    }
  });

  test("holds a tag that leads to the pinned version against the pin", async () => {
    await writeNode("v24.16.0");
    await writeNpm({ integrity: "sha512-another", packs: "another" });
    expect(await problem(install("latest"))).toMatchObject({ code: "CHECKSUM_MISMATCH" });
  });

  test("looks in npm's folder only where npm names one, whatever a wrapper says before", async () => {
    await writeNode("v24.16.0");
    await writeNpm();
    const npm = join(bin(), "npm");
    const text = await readFile(npm, "utf8");
    await writeFile(npm, text.replace("prefix) echo", "prefix) echo 'Using the npm of nvm'; echo"));
    expect(await install()).toMatchObject({ plan: { prefix: prefix() } });
    await writeFile(npm, text.replace(`prefix) echo '${prefix()}'`, "prefix) echo relative/place"));
    await writeFile(join(openclawFolder(), "package.json"), "{}");
    expect(await install()).toMatchObject({ plan: { prefix: join(home.path, ".local") } });
  });

  test("takes what this user cannot read, and links to themselves, for nothing", async () => {
    await writeNode("v24.16.0");
    await writeNpm();
    await mkdir(join(dataDir(), "runtimes", "openclaw", "install.json"), { recursive: true });
    await mkdir(join(openclawFolder(), "package.json"), { recursive: true });
    expect(await findInstalled("openclaw", deps())).toBeNull();
    await symlink("zeroclaw", join(bin(), "zeroclaw"));
    await mkdir(join(home.path, ".local", "bin"), { recursive: true });
    await symlink("zeroclaw", join(home.path, ".local", "bin", "zeroclaw"));
    expect(await findInstalled("zeroclaw", deps())).toBeNull();
  });
});

describe("what npm cannot do is said in one line, with what to do", () => {
  const json = (code: string) =>
    `echo '{"error":{"code":"${code}","summary":"s"}}'; echo 'npm error its last words' >&2; exit 1`;

  test.each([
    ["ENOTFOUND", "DOWNLOAD_FAILED", "registry cannot be reached (ENOTFOUND)", "HTTPS_PROXY"],
    [
      "ECONNREFUSED",
      "DOWNLOAD_FAILED",
      "registry cannot be reached (ECONNREFUSED)",
      "By hand: npm install --global",
    ],
    ["E502", "DOWNLOAD_FAILED", "a proxy stands in the way (E502)", "NO_PROXY"],
    ["E407", "DOWNLOAD_FAILED", "a proxy stands in the way (E407)", "HTTPS_PROXY"],
    ["E403", "DOWNLOAD_FAILED", "the registry refuses it (E403)", "npm login"],
    ["ETARGET", "RUNTIME_INSTALL_FAILED", "there is no such version (ETARGET)", "npm config get before"],
    ["EACCES", "RUNTIME_INSTALL_FAILED", "it may not write to", "Give this user that folder"],
    ["ENOSPC", "DISK_FULL", "no space is left on the disk of", "Free some space"],
    ["EINTEGRITY", "CHECKSUM_MISMATCH", "what came is not what was published", "nothing was unpacked"],
    [
      "SELF_SIGNED_CERT_IN_CHAIN",
      "DOWNLOAD_FAILED",
      "certificate of the registry is not trusted",
      "NODE_EXTRA_CA_CERTS",
    ],
    ["CERT_NOT_YET_VALID", "DOWNLOAD_FAILED", "certificate of the registry is not trusted", "date and time"],
    ["EBADENGINE", "RUNTIME_UNSUPPORTED", "it does not run on this machine", "--runtime"],
    ["ELIFECYCLE", "RUNTIME_INSTALL_FAILED", "failed (ELIFECYCLE): its last words", "install.log"],
  ])("%s", async (code, expected, message, hint) => {
    await writeNode("v24.16.0");
    await writeNpm({ fails: json(code) });
    const error = await problem(install());
    expect(error).toMatchObject({
      code: expected,
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
    expect(await findInstalled("openclaw", deps())).toBeNull();
  });

  test("a code that only stands on standard error", async () => {
    await writeNode("v24.16.0");
    await writeNpm({ viewFails: "echo 'npm error code ENOTFOUND' >&2; exit 1" });
    expect(await problem(install())).toMatchObject({ code: "DOWNLOAD_FAILED" });
  });

  test("its last lines, of however many it writes; the log is bounded", async () => {
    await writeNode("v24.16.0");
    const noise =
      "i=0; while [ $i -lt 20000 ]; do echo \"npm error line $i $(printf '%0100d' 0)\" >&2; i=$((i+1)); done; exit 7";
    await writeNpm({ fails: noise.replaceAll("$(printf '%0100d' 0)", "x".repeat(100)) });
    const error = await problem(install());
    expect(error).toMatchObject({
      code: "RUNTIME_INSTALL_FAILED",
      message: expect.stringContaining("line 19999 "),
      details: { last_lines: expect.arrayContaining([expect.stringContaining("line 19998 ")]) },
    });
    const log = join(dataDir(), "runtimes", "openclaw", "install.log");
    expect(Bun.file(log).size).toBeLessThanOrEqual(1024 * 1024);
  });

  test("a registry that has another package under the pinned version", async () => {
    await writeNode("v24.16.0");
    await writeNpm({ integrity: "sha512-another" });
    expect(await problem(install())).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      message: expect.stringContaining("nothing was installed"),
    });
    expect((await calls()).filter((call) => call.includes(" install "))).toEqual([]);
  });

  test("a registry that says one thing and sends another", async () => {
    await writeNode("v24.16.0");
    await writeNpm({ packs: "package with more in it" });
    expect(await problem(install())).toMatchObject({ code: "CHECKSUM_MISMATCH" });
    await writeNode("v20.20.2");
    expect(await problem(install())).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      message: expect.stringContaining("node-"),
    });
    expect((await calls()).filter((call) => call.includes(" install "))).toEqual([]);
  });

  test("certificates that do not count", async () => {
    await writeNode("v24.16.0");
    await writeNpm();
    expect(await problem(install(null, { NODE_TLS_REJECT_UNAUTHORIZED: "0" }))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("NODE_TLS_REJECT_UNAUTHORIZED"),
    });
    expect(await readdir(home.path)).not.toContain("npm-env");
  });

  test("an npm that does not run", async () => {
    await writeNode("v24.16.0");
    await writeProgram("npm", "exit 127\n");
    expect(await problem(install())).toMatchObject({
      code: "RUNTIME_UNSUPPORTED",
      hint: expect.not.stringContaining("npm"),
    });
  });

  test("no npm", async () => {
    await writeNode("v24.16.0");
    expect(await problem(install(null, { PATH: bin() }))).toMatchObject({
      code: "RUNTIME_UNSUPPORTED",
      message: expect.stringContaining("npm was not found on PATH"),
      hint: expect.stringContaining("--runtime zeroclaw"),
    });
  });

  test("no Node.js for this platform", async () => {
    await writeNode("v20.20.2");
    await writeNpm();
    const facts = await probeMachine({ env: deps().env, clock: systemClock });
    const musl = { ...facts, libc: { name: "musl", version: null } as const };
    expect(await problem(planInstall("openclaw", { version: null, facts: musl }, deps()))).toMatchObject({
      code: "RUNTIME_UNSUPPORTED",
      message: expect.stringContaining("this machine has Node.js 20.20.2"),
    });
  });

  test("called off: npm and all it started end", async () => {
    await writeNode("v24.16.0");
    await writeNpm({ fails: `touch '${home.path}/begun'; sleep 60` });
    const given = deps();
    const facts = await probeMachine({ env: given.env, clock: systemClock });
    const plan = await planInstall("openclaw", { version: null, facts, pins }, given);
    const controller = new AbortController();
    const run = problem(runInstall(plan, { onProgress: () => {}, signal: controller.signal }, given));
    while (!(await Bun.file(join(home.path, "begun")).exists())) await Bun.sleep(20);
    controller.abort(new DOMException("SIGINT", "AbortError"));
    expect(await run).toMatchObject({ name: "AbortError" });
    const left = Bun.spawnSync(["ps", "-A", "-o", "args="]).stdout.toString();
    expect(left).not.toContain(`${bin()}/npm`);
  });
});
