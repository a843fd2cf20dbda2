/**
 * How npm is asked for OpenClaw, and what is made of its failures. The npm here is a script that does as a test says;
 * test/openclaw/auto-install.test.ts runs the real one.
 */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { createFetch } from "../../../src/platform/http-fetch.ts";
import { MeshError } from "../../../src/protocol/errors.ts";
import { planInstall, runInstall } from "../../../src/provision/install/install.ts";
import { openclawPin } from "../../../src/provision/install/pins.ts";
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

/** `fails`: what `npm install` of OpenClaw does in place of installing it. */
interface FakeNpm {
  readonly fails?: string;
  readonly viewFails?: string;
  readonly integrity?: string;
  readonly version?: string;
}

/** Each call is a line in `calls`: the Node.js that PATH has first, and the arguments. */
async function writeNpm({ fails = "", viewFails = "", integrity, version }: FakeNpm = {}): Promise<void> {
  const told = version ?? openclawPin.version;
  await writeProgram(
    "npm",
    `
echo "$(command -v node) $*" >> '${home.path}/calls'
case "$1" in view | install) printenv >> '${home.path}/npm-env' ;; esac
case "$1" in
  --version) echo 11.19.1 ;;
  prefix) echo '${prefix()}' ;;
  view)
    ${viewFails}
    case "$2" in
      openclaw@*) echo '{"version":"${told}","dist.integrity":"${integrity ?? openclawPin.integrity}"}' ;;
      *) echo '{"version":"24.21.0","dist.integrity":"'"$(cat '${home.path}/node-integrity')"'"}' ;;
    esac ;;
  install)
    case "$*" in
      *--global*)
        ${fails}
        folder="$4/lib/node_modules/openclaw"
        mkdir -p "$folder"
        echo '{"name":"openclaw","version":"${told}","bin":{"openclaw":"openclaw.mjs"}}' > "$folder/package.json"
        touch "$folder/openclaw.mjs" ;;
      *)
        mkdir -p "$3/node_modules/\${6%@*}/bin"
        printf '#!/bin/sh\\necho v24.21.0\\n' > "$3/node_modules/\${6%@*}/bin/node"
        chmod +x "$3/node_modules/\${6%@*}/bin/node" ;;
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

async function install(version: string | null = null, env: Readonly<Record<string, string>> = {}) {
  const given = deps(env);
  const facts = await probeMachine({ env: given.env, clock: systemClock });
  const seen: ProvisionProgress[] = [];
  const plan = await planInstall("openclaw", { version, facts }, given);
  if (plan.kind === "openclaw" && plan.privateNode !== null)
    await writeFile(join(home.path, "node-integrity"), plan.privateNode.integrity);
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
    .filter((line) => / (?:view|install) /.test(line));

const openclawFolder = (at = prefix()) => join(at, "lib", "node_modules", "openclaw");

describe("an installation of OpenClaw", () => {
  test("is one command of npm where the machine's Node.js will do", async () => {
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
    const quiet = "--json --no-audit --no-fund --loglevel=error";
    expect(await calls()).toEqual([
      `${node} view ${spec} version dist.integrity --fetch-retries=1 --fetch-retry-mintimeout=1000 ${quiet}`,
      `${node} install --global --prefix ${prefix()} ${spec} ${quiet}`,
    ]);
    expect(await findInstalled("openclaw", deps())).toEqual(installed);
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
      `${join(bin(), "node")} install --prefix ${folder} --save-exact --ignore-scripts`,
    );
    expect(installs[1]).toStartWith(`${node} install --global --prefix ${prefix()} openclaw@`);
    expect(
      seen.filter(({ state }) => state === "done").map(({ step }) => "installs" in step && step.installs),
    ).toEqual(["node", "openclaw"]);
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
    expect(again.seen.map(({ step, state }) => ["installs" in step && step.installs, state])).toEqual([
      ["node", "skipped"],
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
    await writeNpm({ version: "2026.10.1", integrity: "sha512-other" });
    expect((await install("2026.10.1")).installed.version).toBe("2026.10.1");
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
    });
    const seen = await readFile(join(home.path, "npm-env"), "utf8");
    expect(seen).toContain("HTTPS_PROXY=http://proxy.example:3128");
    expect(seen).toContain("NODE_EXTRA_CA_CERTS=/etc/ca.pem");
    expect(seen).not.toContain("key-");
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
    ["ETARGET", "RUNTIME_INSTALL_FAILED", "there is no such version (ETARGET)", "--runtime-version"],
    ["EACCES", "RUNTIME_INSTALL_FAILED", "it may not write to", "Give this user that folder"],
    ["ENOSPC", "DISK_FULL", "no space is left on the disk of", "Free some space"],
    ["EINTEGRITY", "CHECKSUM_MISMATCH", "what came is not what was published", "nothing was unpacked"],
    [
      "SELF_SIGNED_CERT_IN_CHAIN",
      "DOWNLOAD_FAILED",
      "certificate of the registry is not trusted",
      "NODE_EXTRA_CA_CERTS",
    ],
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
    const plan = await planInstall("openclaw", { version: null, facts }, given);
    const controller = new AbortController();
    const run = problem(runInstall(plan, { onProgress: () => {}, signal: controller.signal }, given));
    while (!(await Bun.file(join(home.path, "begun")).exists())) await Bun.sleep(20);
    controller.abort(new DOMException("SIGINT", "AbortError"));
    expect(await run).toMatchObject({ name: "AbortError" });
    const left = Bun.spawnSync(["ps", "-A", "-o", "args="]).stdout.toString();
    expect(left).not.toContain(`${bin()}/npm`);
  });
});
