import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { loadLockfile, loadManifest } from "../../../scripts/supply-chain/lockfile.ts";
import { loadToolchainLock, toolchainFolder } from "../../../scripts/supply-chain/toolchain.ts";
import { openclawNodeRange } from "../../../src/provision/install/pins.ts";
import { nodeRelease, OPENCLAW_INTEGRITY, OPENCLAW_VERSION } from "../../support/openclaw/install.ts";

const root = join(import.meta.dir, "..", "..", "..");
const exact = /^\d+\.\d+\.\d+$/;
const exactOrPre = /^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/;
const sha512 = /^sha512-[A-Za-z0-9+/]{86}==$/;

const manifest = await loadManifest(root);
const lockfile = await loadLockfile(root);
const toolchain = await loadToolchainLock(root);
const asked = { ...manifest.dependencies, ...manifest.devDependencies };

describe("package.json", () => {
  test.each(Object.entries(asked))("pins %s exactly", (_, version) => {
    expect(version).toMatch(exact);
  });

  test("lets no package run a script when it is installed, not even those that Bun trusts by itself", () => {
    expect(manifest.trustedDependencies).toEqual([]);
  });

  test.each(["overrides", "resolutions", "patchedDependencies", "optionalDependencies", "peerDependencies"])(
    "has no %s that would bring in something else",
    (field) => expect(manifest[field]).toBeUndefined(),
  );
});

describe("bun.lock", () => {
  test("was written for this package.json", () => {
    expect(lockfile.asked).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
  });

  test("trusts and patches nothing", () => {
    expect([...lockfile.fields].sort()).toEqual([
      "configVersion",
      "lockfileVersion",
      "packages",
      "trustedDependencies",
      "workspaces",
    ]);
    expect(lockfile.trusted).toEqual([]);
  });

  test.each(lockfile.packages.map((locked) => [locked.key, locked] as const))(
    "has %s from the registry, in one version, with its SHA-512",
    (_, locked) => {
      expect(locked.source).toBe("");
      expect(locked.version).toMatch(exactOrPre);
      expect(locked.integrity).toMatch(sha512);
    },
  );

  test.each(Object.entries(asked))("has the %s that was asked for", (name, version) => {
    expect(lockfile.packages.find(({ key }) => key === name)?.version).toBe(version);
  });
});

describe("what make and the tests get", () => {
  const { "": folder, ...packages } = toolchain.packages;

  test("is the Bun that package.json names, and nothing else", () => {
    const version = String(manifest.packageManager).replace(/^bun@/, "");
    expect(folder?.dependencies).toEqual({ bun: version });
    expect(toolchain.packages["node_modules/bun"]?.version).toBe(version);
    for (const name of Object.keys(packages)) expect(name).toMatch(/^node_modules\/(bun|@oven\/bun-[\w-]+)$/);
  });

  test.each(Object.entries(packages))("locks %s by version and SHA-512, from any registry", (_, locked) => {
    expect(locked.version).toMatch(exact);
    expect(locked.integrity).toMatch(sha512);
    expect(locked.resolved).toBeUndefined();
  });

  test("comes from the lock file, without install scripts", async () => {
    const script = await Bun.file(join(root, "scripts", "get-bun.sh")).text();
    expect(script).toContain(toolchainFolder.replace("scripts/", "/"));
    expect(script.match(/npm (ci|install) [^|]*--ignore-scripts/g)).toHaveLength(1);
    expect(script).not.toMatch(/\b(curl|wget)\b/);
  });

  test.each([
    ["linux", "x64"],
    ["linux", "arm64"],
    ["darwin", "x64"],
    ["darwin", "arm64"],
  ] as const)("is one Node.js for OpenClaw on %s-%s, with its SHA-512", (platform, arch) => {
    const { version, integrity } = nodeRelease(platform, arch);
    expect(Bun.semver.satisfies(version, openclawNodeRange)).toBe(true);
    expect(version).toMatch(exact);
    expect(integrity).toMatch(sha512);
  });

  test("is one OpenClaw, with its SHA-512", () => {
    expect(OPENCLAW_VERSION).toMatch(exact);
    expect(OPENCLAW_INTEGRITY).toMatch(sha512);
  });
});
