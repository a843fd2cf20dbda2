/**
 * The installation of ZeroClaw from a release server on loopback: what ends up on the disk, and what is said when it cannot be
 * done. The archive holds a script in place of the program; test/e2e/auto-install-zeroclaw.test.ts starts one.
 */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../../src/platform/clock.ts";
import { createFetch } from "../../../src/platform/http-fetch.ts";
import { MeshError } from "../../../src/protocol/errors.ts";
import { lockInstallations, planInstall, runInstall } from "../../../src/provision/install/install.ts";
import { probeMachine } from "../../../src/provision/machine-probe.ts";
import type { ProvisionDeps } from "../../../src/provision/provision-deps.ts";
import type { ProvisionProgress } from "../../../src/provision/provision-step.ts";
import { type ReleaseServer, startReleaseServer } from "../../support/release-server.ts";
import { tarFile, tarOf } from "../../support/tar.ts";
import { createTempDir, type TempDir } from "../../support/temp-dir.ts";

setDefaultTimeout(30_000);

const tag = "v0.8.4";
let home: TempDir;
let server: ReleaseServer;
let asset: string;

beforeEach(async () => {
  home = await createTempDir();
  server = await startReleaseServer();
  const plan = await planInstall("zeroclaw", { version: null, facts: await facts() }, deps());
  if (plan.kind !== "zeroclaw") throw new Error("another plan");
  asset = plan.release.asset;
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

/** An empty home, without npm and without a proxy. */
function deps(env: Readonly<Record<string, string>> = {}): ProvisionDeps {
  const all = { PATH: "/usr/bin:/bin", HOME: home.path, CLAW_MESH_ZEROCLAW_RELEASES: server.url, ...env };
  return {
    env: all,
    home: home.path,
    dataDir: join(home.path, ".claw-mesh"),
    clock: { ...systemClock, after: (delayMs, ...rest) => systemClock.after(hurried(delayMs), ...rest) },
    fetch: createFetch({ env: all }),
  };
}

/** Pauses between tries take no time; limits stay. */
const hurried = (delayMs: number) => (delayMs <= 10_000 ? delayMs / 50 : delayMs);

const facts = () => probeMachine({ env: { PATH: "" }, clock: systemClock });

const program = () => join(home.path, ".local", "bin", "zeroclaw");
const part = () => join(home.path, ".claw-mesh", "runtimes", "downloads", `${tag}-${asset}.part`);

/** Telling its version is all that the installation asks of it. */
const script = (version = "0.8.4") => `#!/bin/sh\necho "zeroclaw ${version}"\n`;

function archive(version?: string): Uint8Array {
  const noise = crypto.getRandomValues(new Uint8Array(60_000));
  return gzipSync(
    tarOf(
      tarFile("./zeroclaw", script(version)),
      tarFile("zerocode", noise),
      tarFile("web/dist/index.html", "<p>"),
    ),
  );
}

async function install(options: { readonly version?: string; readonly env?: Record<string, string> } = {}) {
  const seen: ProvisionProgress[] = [];
  const given = deps(options.env);
  const plan = await planInstall(
    "zeroclaw",
    { version: options.version ?? null, facts: await facts() },
    given,
  );
  const signal = new AbortController().signal;
  const installed = await runInstall(plan, { onProgress: (one) => void seen.push(one), signal }, given);
  return { installed, seen, plan };
}

/** Fields of what was thrown; the matchers of the test runner would change the error itself. */
const problem = async (run: Promise<unknown>) => {
  const error: unknown = await run.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) return error;
  const { name, message } = error;
  return error instanceof MeshError
    ? { name, message, code: error.code, hint: error.hint }
    : { name, message };
};

/** Nothing of a failed installation can be started, now or later. */
async function expectNothing(): Promise<void> {
  expect(await Bun.file(program()).exists()).toBe(false);
  const bin = join(home.path, ".local", "bin");
  expect(await readdir(bin).catch(() => [])).toEqual([]);
}

describe("an installation of ZeroClaw", () => {
  test("puts the program into ~/.local/bin, notes where it is from, and leaves no archive", async () => {
    const bytes = archive();
    server.publish(tag, asset, { bytes });
    const { installed, seen } = await install();
    expect(installed).toEqual({ kind: "zeroclaw", version: "0.8.4", command: [program()], env: {} });
    expect(await readFile(program(), "utf8")).toBe(script());
    expect((await stat(program())).mode & 0o777).toBe(0o755);
    const record = join(home.path, ".claw-mesh", "runtimes", "zeroclaw", "install.json");
    expect(await Bun.file(record).json()).toEqual({
      version: "0.8.4",
      place: program(),
      source: `${server.url}/${tag}/${asset}`,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await stat(record)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(home.path, ".claw-mesh", "runtimes", "downloads"))).toEqual([]);
    expect(await readdir(join(home.path, ".local", "bin"))).toEqual(["zeroclaw"]);
    expect(seen.filter(({ state }) => state === "done").map(({ step }) => step.do)).toEqual([
      "download",
      "verify",
      "unpack",
      "place",
    ]);
    const last = seen.findLast((one) => one.state === "moving");
    expect(last).toMatchObject({ doneBytes: bytes.length, totalBytes: bytes.length });
  });

  test("changes nothing when it is only planned", async () => {
    server.publish(tag, asset, { bytes: archive() });
    await planInstall("zeroclaw", { version: null, facts: await facts() }, deps());
    expect(await readdir(home.path)).toEqual([]);
    expect(server.downloads).toEqual([]);
  });

  test("is skipped when that version or a newer one is there", async () => {
    server.publish(tag, asset, { bytes: archive() });
    await install();
    const again = await install();
    expect(server.downloads).toHaveLength(1);
    expect(again.seen.map(({ state }) => state)).toEqual(["skipped", "skipped", "skipped", "skipped"]);
    await writeFile(program(), script("0.9.0"));
    expect((await install()).installed.version).toBe("0.9.0");
    expect(server.downloads).toHaveLength(1);
  });

  test("keeps the program that was there, for a rollback", async () => {
    await mkdir(join(home.path, ".local", "bin"), { recursive: true });
    await writeFile(program(), script("0.7.5"));
    await chmod(program(), 0o755);
    server.publish(tag, asset, { bytes: archive() });
    const { installed, seen, plan } = await install();
    expect(installed.version).toBe("0.8.4");
    expect(await readFile(`${program()}.previous`, "utf8")).toBe(script("0.7.5"));
    const order: string[] = ["download", "verify", "unpack", "keep_previous", "place"];
    for (const state of ["started", "done"])
      expect(seen.filter((one) => one.state === state).map(({ step }): string => step.do)).toEqual(order);
    expect(plan.steps.map(({ step }): string => step.do)).toEqual(order);
  });

  test("keeps a link that a package manager made as a link, and says so before", async () => {
    const kept = join(home.path, "brew", "zeroclaw");
    await mkdir(join(home.path, "brew"));
    await mkdir(join(home.path, ".local", "bin"), { recursive: true });
    await writeFile(kept, script("0.7.5"));
    await chmod(kept, 0o755);
    await symlink("../../brew/zeroclaw", program());
    server.publish(tag, asset, { bytes: archive() });
    const { plan } = await install();
    expect(plan.steps.map(({ step }) => step)).toContainEqual(
      expect.objectContaining({ do: "keep_previous", link: "../../brew/zeroclaw" }),
    );
    expect(await readlink(`${program()}.previous`)).toBe("../../brew/zeroclaw");
    expect(await readFile(kept, "utf8")).toBe(script("0.7.5"));
    expect(await readFile(program(), "utf8")).toBe(script());
  });

  test("of two data directories at once leaves the program of one of them whole", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ pauseMs: 1 });
    const runs = ["one", "two", "three"].map(async (name) => {
      const given = { ...deps(), dataDir: join(home.path, name) };
      const plan = await planInstall("zeroclaw", { version: null, facts: await facts() }, given);
      const signal = new AbortController().signal;
      return await runInstall(plan, { onProgress: () => {}, signal }, given);
    });
    for (const installed of await Promise.all(runs)) expect(installed.version).toBe("0.8.4");
    expect(await readFile(program(), "utf8")).toBe(script());
    const left = await readdir(join(home.path, ".local", "bin"));
    expect(left.filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("removes the drafts of its own earlier runs and of others long ago, and leaves that of another that goes on", async () => {
    const bin = join(home.path, ".local", "bin");
    for (const name of [".zeroclaw-draft-old", ".zeroclaw-draft-new"])
      await mkdir(join(bin, name), { recursive: true });
    const own = createHash("sha256").update(join(home.path, ".claw-mesh")).digest("hex").slice(0, 8);
    await mkdir(join(bin, `.zeroclaw-draft-${own}-killed`, "more"), { recursive: true });
    const longAgo = new Date("2020-01-01");
    await utimes(join(bin, ".zeroclaw-draft-old"), longAgo, longAgo);
    server.publish(tag, asset, { bytes: archive() });
    await install();
    expect((await readdir(bin)).sort()).toEqual([".zeroclaw-draft-new", "zeroclaw"]);
  });

  test("takes the version that was asked for", async () => {
    server.publish("v0.8.5", asset, { bytes: archive("0.8.5") });
    expect((await install({ version: "0.8.5" })).installed.version).toBe("0.8.5");
    expect(server.downloads[0]?.path).toBe(`/releases/v0.8.5/${asset}`);
    expect(await problem(install({ version: "../../etc" }))).toMatchObject({ code: "USAGE" });
  });
});

describe("a download", () => {
  test("goes on where the connection was cut, and asks only for the rest of the same", async () => {
    const bytes = archive();
    server.publish(tag, asset, { bytes });
    server.fail({ dies: { afterBytes: 20_000, times: 2 } });
    expect((await install()).installed.version).toBe("0.8.4");
    const ranges = server.downloads.map(({ range }) => range);
    expect(ranges[0]).toBeNull();
    expect(ranges.length).toBeGreaterThanOrEqual(3);
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
    expect(server.downloads[1]?.ifRange).toMatch(/^"[0-9a-f]{16}"$/);
  });

  test("goes on where another process was ended", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ dies: { afterBytes: 20_000, times: 99 } });
    // Each try brings something, so that it does not give up by itself.
    const { signal, stop } = stopAfterDownloads(2);
    const plan = await planInstall("zeroclaw", { version: null, facts: await facts() }, deps());
    await problem(runInstall(plan, { onProgress: stop, signal }, deps()));
    const kept = (await stat(part())).size;
    expect(kept).toBeGreaterThan(10_000);
    server.fail({});
    await install();
    expect(server.downloads.at(-1)?.range).toBe(`bytes=${kept}-`);
  });

  test("begins again when the server ignores what is there", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ dies: { afterBytes: 20_000, times: 1 }, ignoresRange: true });
    expect((await install()).installed.version).toBe("0.8.4");
  });

  test("begins again when nothing tells whether it is the same file", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ dies: { afterBytes: 20_000, times: 1 }, hasNoValidator: true });
    expect((await install()).installed.version).toBe("0.8.4");
    expect(server.downloads.map(({ range }) => range)).toEqual([null, null]);
  });

  test("begins again when the file behind the address has changed since", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ dies: { afterBytes: 20_000, times: 99 } });
    const { signal, stop } = stopAfterDownloads(2);
    const plan = await planInstall("zeroclaw", { version: null, facts: await facts() }, deps());
    await problem(runInstall(plan, { onProgress: stop, signal }, deps()));
    server.fail({});
    server.publish(tag, asset, { bytes: archive() });
    expect((await install()).installed.version).toBe("0.8.4");
  });

  test("throws a partial file away that turns out to be another's, and begins again once", async () => {
    const bytes = archive();
    server.publish(tag, asset, { bytes });
    server.fail({ dies: { afterBytes: 20_000, times: 99 } });
    const { signal, stop } = stopAfterDownloads(2);
    const plan = await planInstall("zeroclaw", { version: null, facts: await facts() }, deps());
    await problem(runInstall(plan, { onProgress: stop, signal }, deps()));
    await writeFile(part(), new Uint8Array((await stat(part())).size));
    server.fail({});
    expect((await install()).installed.version).toBe("0.8.4");
    expect(server.downloads.at(-1)?.range).toBeNull();
  });

  test("is given up when the server sends nothing but cuts", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ dies: { afterBytes: 0, times: 99 } });
    expect(await problem(install())).toMatchObject({ code: "DOWNLOAD_FAILED" });
    expect(server.downloads.length).toBeLessThanOrEqual(4);
    await expectNothing();
  });

  test("is given up when all of it takes too long, however little comes now and then", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ pauseMs: 300 });
    const given = deps();
    const after: typeof systemClock.after = (delayMs, ...rest) =>
      systemClock.after(delayMs > 60 * 60_000 ? 400 : delayMs, ...rest);
    const slow = { ...given, clock: { ...systemClock, after } };
    const plan = await planInstall("zeroclaw", { version: null, facts: await facts() }, slow);
    const signal = new AbortController().signal;
    expect(await problem(runInstall(plan, { onProgress: () => {}, signal }, slow))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("too slow"),
      hint: expect.stringContaining("goes on where it stopped"),
    });
    server.fail({});
    expect((await install()).installed.version).toBe("0.8.4");
    expect(server.downloads.at(-1)?.range).toMatch(/^bytes=[1-9]/);
  });

  test("ends with the signal, and keeps what is there", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ pauseMs: 20 });
    const controller = new AbortController();
    const onProgress = ({ state }: ProvisionProgress) => {
      if (state === "moving") controller.abort(new DOMException("SIGINT", "AbortError"));
    };
    const plan = await planInstall("zeroclaw", { version: null, facts: await facts() }, deps());
    const error = await problem(runInstall(plan, { onProgress, signal: controller.signal }, deps()));
    expect(error).toMatchObject({ name: "AbortError" });
    expect(await Bun.file(part()).exists()).toBe(true);
  });
});

describe("what cannot be installed is said, and leaves nothing that could be started", () => {
  afterEach(expectNothing);

  test("a corrupt archive", async () => {
    const bytes = archive();
    server.publish(tag, asset, { bytes });
    const broken = new Uint8Array(bytes);
    broken[5000] = (broken[5000] ?? 0) ^ 0xff;
    server.publish(tag, asset, { bytes, checksums: "right" });
    const sums = await (await fetch(`${server.url}/${tag}/SHA256SUMS`)).text();
    await using other = await serveInstead(broken, sums);
    const error = await problem(install({ env: { CLAW_MESH_ZEROCLAW_RELEASES: other.url } }));
    expect(error).toMatchObject({ code: "CHECKSUM_MISMATCH", message: expect.stringContaining(asset) });
    expect(await readdir(join(home.path, ".claw-mesh", "runtimes", "downloads"))).toEqual([]);
  });

  test("a checksum that is another's", async () => {
    server.publish(tag, asset, { bytes: archive(), checksums: "wrong" });
    expect(await problem(install())).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      message: expect.stringContaining("f".repeat(64)),
    });
  });

  test("a release without checksums, before anything is downloaded", async () => {
    server.publish(tag, asset, { bytes: archive(), checksums: "missing" });
    expect(await problem(install())).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("no SHA256SUMS"),
    });
    expect(server.downloads).toEqual([]);
  });

  test("checksums without a line for the archive", async () => {
    server.publish(tag, asset, { bytes: archive(), checksums: "without_asset" });
    expect(await problem(install())).toMatchObject({
      code: "CHECKSUM_MISMATCH",
      message: expect.stringContaining(`no line for ${asset}`),
    });
    expect(server.downloads).toEqual([]);
  });

  test("an archive that is not there", async () => {
    server.publish(tag, asset, { bytes: null });
    expect(await problem(install())).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("HTTP 404"),
      hint: expect.stringContaining("--runtime-version"),
    });
  });

  test("an archive of half its length, whose checksum is right", async () => {
    const bytes = archive();
    server.publish(tag, asset, { bytes: bytes.subarray(0, 200) });
    expect(await problem(install())).toMatchObject({ code: "RUNTIME_INSTALL_FAILED" });
  });

  test.each([
    ["a path that leads out", tarOf(tarFile("../zeroclaw", script()))],
    ["an absolute path", tarOf(tarFile("/tmp/zeroclaw", script()))],
    ["a symbolic link", tarOf(tarFile("zeroclaw", "", { type: "2", link: "/bin/sh" }))],
    ["a hard link", tarOf(tarFile("zeroclaw", "", { type: "1", link: "other" }))],
    ["a device", tarOf(tarFile("dev", "", { type: "3" }), tarFile("zeroclaw", script()))],
    ["no program", tarOf(tarFile("README.md", "x"))],
    ["an empty program", tarOf(tarFile("zeroclaw", ""))],
    ["the program twice", tarOf(tarFile("zeroclaw", script()), tarFile("./zeroclaw", script()))],
  ])("an archive with %s", async (_, tar) => {
    server.publish(tag, asset, { bytes: gzipSync(tar) });
    expect(await problem(install())).toMatchObject({ code: "RUNTIME_INSTALL_FAILED" });
  });

  test("an archive that unpacks to more than anything of use", async () => {
    const bomb = tarFile("zerocode", "", { claimsBytes: 600 * 1024 * 1024 });
    server.publish(tag, asset, { bytes: gzipSync(tarOf(bomb, tarFile("zeroclaw", script()))) });
    expect(await problem(install())).toMatchObject({
      code: "RUNTIME_INSTALL_FAILED",
      message: expect.stringContaining("more than"),
    });
  });

  test("a program that does not run on this machine", async () => {
    server.publish(tag, asset, { bytes: gzipSync(tarOf(tarFile("zeroclaw", "\u007fELF of another"))) });
    expect(await problem(install())).toMatchObject({
      code: "RUNTIME_INSTALL_FAILED",
      message: expect.stringContaining("does not run on this machine"),
    });
  });

  test.each([
    ["checksums", (path: string) => path.endsWith("SHA256SUMS")],
    ["an archive", (path: string) => !path.endsWith("SHA256SUMS")],
  ])("%s without an end", async (_, isEndless) => {
    await using endless = startEndlessServer(isEndless);
    const error = await problem(install({ env: { CLAW_MESH_ZEROCLAW_RELEASES: endless.url } }));
    expect(error).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringMatching(/ more than \d+ bytes$/),
    });
    expect(await readdir(join(home.path, ".claw-mesh", "runtimes", "downloads"))).toEqual([]);
  });

  test("a program of another version than the one that was asked for", async () => {
    server.publish("v0.8.5", asset, { bytes: archive("0.8.4") });
    expect(await problem(install({ version: "0.8.5" }))).toMatchObject({
      code: "RUNTIME_INSTALL_FAILED",
      message: expect.stringContaining("version 0.8.4, and 0.8.5 was wanted"),
    });
  });

  test("a server without certificates that count, or on a name that only sounds like this machine", async () => {
    const env = {
      CLAW_MESH_ZEROCLAW_RELEASES: "https://releases.invalid/zeroclaw",
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    };
    expect(await problem(install({ env }))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("NODE_TLS_REJECT_UNAUTHORIZED"),
    });
    const named = { CLAW_MESH_ZEROCLAW_RELEASES: "http://releases.localhost/zeroclaw" };
    expect(await problem(install({ env: named }))).toMatchObject({ code: "USAGE" });
  });

  test("a redirect to plain HTTP on a network", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ redirect: "http://releases.example/zeroclaw.tar.gz" });
    expect(await problem(install())).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("not https"),
    });
  });

  test("redirects without an end", async () => {
    server.publish(tag, asset, { bytes: archive() });
    server.fail({ redirect: `${server.url}/${tag}/${asset}` });
    expect(await problem(install())).toMatchObject({
      message: expect.stringContaining("redirects more than 5"),
    });
  });

  test("a place for releases that is no https address", async () => {
    const env = { CLAW_MESH_ZEROCLAW_RELEASES: "http://releases.example/zeroclaw" };
    expect(await problem(install({ env }))).toMatchObject({ code: "USAGE" });
  });

  test("no network: the name is not found, or nobody answers", async () => {
    const offline = { CLAW_MESH_ZEROCLAW_RELEASES: "https://releases.invalid/zeroclaw" };
    expect(await problem(install({ env: offline }))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("releases.invalid was not found"),
      hint: expect.stringContaining("auto-install.md"),
    });
    const closed = { CLAW_MESH_ZEROCLAW_RELEASES: "http://127.0.0.1:1/zeroclaw" };
    expect(await problem(install({ env: closed }))).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringContaining("cannot be reached (ECONNREFUSED)"),
    });
  });

  test.each([502, 407])("a proxy in the way that answers %i", async (status) => {
    await using proxy = startRefusingProxy(status);
    const env = {
      CLAW_MESH_ZEROCLAW_RELEASES: "https://releases.example/zeroclaw",
      HTTPS_PROXY: `http://who:hidden-word@127.0.0.1:${proxy.port}`,
    };
    const error = await problem(install({ env }));
    expect(JSON.stringify(error)).not.toContain("hidden-word");
    expect(error).toMatchObject({
      code: "DOWNLOAD_FAILED",
      message: expect.stringMatching(new RegExp(`the proxy 127\\.0\\.0\\.1:${proxy.port} .*${status}`)),
      hint: expect.stringContaining("HTTPS_PROXY"),
    });
  });

  test("a machine without a build", async () => {
    const machine = { ...(await facts()), platform: "freebsd" as const };
    const plan = planInstall("zeroclaw", { version: null, facts: machine }, deps());
    expect(await problem(plan)).toMatchObject({
      code: "RUNTIME_UNSUPPORTED",
      message: expect.stringContaining("freebsd"),
    });
  });
});

test("a program that does not start never takes the place of one that does", async () => {
  await mkdir(join(home.path, ".local", "bin"), { recursive: true });
  await writeFile(program(), script("0.7.5"));
  await chmod(program(), 0o755);
  server.publish(tag, asset, { bytes: gzipSync(tarOf(tarFile("zeroclaw", "no program"))) });
  expect(await problem(install())).toMatchObject({ code: "RUNTIME_INSTALL_FAILED" });
  expect(await readFile(program(), "utf8")).toBe(script("0.7.5"));
  expect(await readdir(join(home.path, ".local", "bin"))).toEqual(["zeroclaw"]);
});

describe("what is in the way is named, and what to do with it", () => {
  const downloads = () => join(home.path, ".claw-mesh", "runtimes", "downloads");
  const atProgram = () => join(home.path, ".local", "bin", "zeroclaw");

  test.each([
    ["a folder where the program is to be", atProgram, "folder"],
    ["a file where the folder of programs is to be", () => join(home.path, ".local", "bin"), "file"],
    ["a file where downloads are kept", downloads, "file"],
    ["a folder where the archive is to be", () => join(downloads(), `${tag}-${asset}`), "folder"],
    ["a folder where its part is to be", part, "folder"],
    [
      "a folder where the installation is noted",
      () => join(home.path, ".claw-mesh", "runtimes", "zeroclaw", "install.json"),
      "folder",
    ],
  ])("%s", async (_, place, what) => {
    server.publish(tag, asset, { bytes: archive() });
    await mkdir(what === "folder" ? place() : join(place(), ".."), { recursive: true });
    if (what === "file") await writeFile(place(), "");
    expect(await problem(install())).toMatchObject({
      code: "RUNTIME_INSTALL_FAILED",
      message: expect.stringContaining(`something else is at ${place()}`),
      hint: expect.stringContaining("Move it away"),
    });
  });

  test("a link to itself is no program, and is replaced", async () => {
    server.publish(tag, asset, { bytes: archive() });
    await mkdir(join(home.path, ".local", "bin"), { recursive: true });
    await symlink("zeroclaw", program());
    expect((await install()).installed.version).toBe("0.8.4");
  });
});

test("an archive that a server calls packed for the way stays as it was published", async () => {
  const bytes = archive();
  server.publish(tag, asset, { bytes });
  const sums = await (await fetch(`${server.url}/${tag}/SHA256SUMS`)).text();
  await using other = await serveInstead(bytes, sums, { "content-encoding": "gzip" });
  const { installed } = await install({ env: { CLAW_MESH_ZEROCLAW_RELEASES: other.url } });
  expect(installed.version).toBe("0.8.4");
});

test("a folder that cannot be made is named", async () => {
  server.publish(tag, asset, { bytes: archive() });
  await writeFile(join(home.path, ".local"), "a file stands here");
  expect(await problem(install())).toMatchObject({
    code: "RUNTIME_INSTALL_FAILED",
    message: expect.stringContaining(join(home.path, ".local", "bin")),
  });
});

test("two installations at once take turns", async () => {
  const signal = new AbortController().signal;
  const waits: (number | null)[] = [];
  const first = await lockInstallations({ signal, onWait: () => {} }, deps());
  const second = lockInstallations({ signal, onWait: (pid) => void waits.push(pid) }, deps());
  await Bun.sleep(400);
  first.release();
  (await second).release();
  expect(waits).toEqual([process.pid]);
});

/** Ends an installation when so many downloads were asked for, as a `kill` would between two pieces. */
function stopAfterDownloads(count: number) {
  const controller = new AbortController();
  const stop = () => {
    if (server.downloads.length >= count) controller.abort(new DOMException("SIGTERM", "AbortError"));
  };
  return { signal: controller.signal, stop };
}

async function serveInstead(bytes: Uint8Array, sums: string, headers: Record<string, string> = {}) {
  const other = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => (url.endsWith("SHA256SUMS") ? new Response(sums) : new Response(bytes, { headers })),
  });
  return { url: `http://127.0.0.1:${other.port}/r`, [Symbol.asyncDispose]: () => other.stop(true) };
}

/** Checksums with a line for the archive, or files that never end. */
function startEndlessServer(isEndless: (path: string) => boolean) {
  const piece = new Uint8Array(4 * 1024 * 1024);
  const endless = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      if (!isEndless(new URL(url).pathname)) return new Response(`${"0".repeat(64)}  ${asset}\n`);
      return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(piece) }));
    },
  });
  return { url: `http://127.0.0.1:${endless.port}/r`, [Symbol.asyncDispose]: () => endless.stop(true) };
}

function startRefusingProxy(status: number) {
  const proxy = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket) => {
        socket.write(`HTTP/1.1 ${status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
        socket.end();
      },
    },
  });
  return { port: proxy.port, [Symbol.asyncDispose]: async () => proxy.stop(true) };
}
