import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../support/temp-dir.ts";

setDefaultTimeout(60_000);

const root = join(import.meta.dir, "..", "..", "..");

/** A registry that has every package in every version, with bytes of its own and checksums that fit them. */
function startLyingRegistry() {
  const tarball = Bun.gzipSync(tarOf("package/package.json", `{"name":"x","version":"1.0.0"}`));
  const integrity = `sha512-${new Bun.CryptoHasher("sha512").update(tarball).digest("base64")}`;
  const asked: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      const { pathname, origin } = new URL(url);
      asked.push(pathname);
      if (pathname.startsWith("/tarball/")) return new Response(tarball);
      const name = decodeURIComponent(pathname.slice(1));
      const version = wanted;
      return Response.json({
        name,
        "dist-tags": { latest: version },
        versions: {
          [version]: { name, version, dist: { tarball: `${origin}/tarball/${version}.tgz`, integrity } },
        },
      });
    },
  });
  let wanted = "1.0.0";
  return {
    url: `http://127.0.0.1:${server.port}/`,
    asked,
    offer: (version: string) => {
      wanted = version;
    },
    stop: () => server.stop(true),
  };
}

/** An archive with one file. https://www.gnu.org/software/tar/manual/html_node/Standard.html */
function tarOf(name: string, content: string): Uint8Array<ArrayBuffer> {
  const archive = Buffer.alloc(512 * 4);
  archive.write(name, 0);
  archive.write("0000644\0", 100);
  archive.write("0000000\0", 108);
  archive.write("0000000\0", 116);
  archive.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  archive.write("00000000000\0", 136);
  archive.write("        ", 148);
  archive.write("0", 156);
  archive.write("ustar\x0000", 257);
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  archive.write(content, 512);
  return new Uint8Array(archive);
}

const registry = startLyingRegistry();
afterAll(() => registry.stop());

async function run(command: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
  const child = Bun.spawn([...command], {
    cwd,
    env: { HOME: cwd, PATH: process.env.PATH ?? "", npm_config_registry: registry.url, ...env },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 40_000,
  });
  const [stderr, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  return { exitCode, stderr };
}

describe("a registry that hands out other bytes", () => {
  test("does not get them into the folder of packages", async () => {
    await using dir = await createTempDir();
    for (const file of ["package.json", "bun.lock", "bunfig.toml"])
      await cp(join(root, file), join(dir.path, file));
    registry.offer("2.9.1");
    const cache = join(dir.path, "cache");
    const { exitCode, stderr } = await run([process.execPath, "install", "--frozen-lockfile"], dir.path, {
      BUN_INSTALL_CACHE_DIR: cache,
      BUN_CONFIG_REGISTRY: registry.url,
    });
    expect(exitCode).not.toBe(0);
    expect(stderr.toLowerCase()).toContain("integrity");
    expect(await Bun.file(join(dir.path, "node_modules", "zod", "package.json")).exists()).toBeFalse();
  });

  test("does not get them in place of Bun", async () => {
    await using dir = await createTempDir();
    await mkdir(join(dir.path, "scripts"), { recursive: true });
    await cp(join(root, "scripts", "get-bun.sh"), join(dir.path, "scripts", "get-bun.sh"));
    await cp(join(root, "scripts", "toolchain"), join(dir.path, "scripts", "toolchain"), { recursive: true });
    registry.offer(Bun.version);
    const before = registry.asked.length;
    const { exitCode, stderr } = await run(["sh", "scripts/get-bun.sh", Bun.version, "got/bun"], dir.path, {
      npm_config_cache: join(dir.path, "npm-cache"),
    });
    expect(registry.asked.length).toBeGreaterThan(before);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("claw-mesh: ");
    expect(await Bun.file(join(dir.path, "got", "bun", "bun")).exists()).toBeFalse();
    await rm(join(dir.path, "npm-cache"), { recursive: true, force: true });
  });
});
