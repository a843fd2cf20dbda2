import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { createSecret } from "../../platform/ids.ts";
import { tokenPath } from "../../platform/paths.ts";
import { Secret, toSecret } from "../../protocol/secret.ts";
import { isUnguessable, loadAdminToken } from "./admin-token.ts";

let directory: Awaited<ReturnType<typeof createTempDir>>;
beforeEach(async () => {
  directory = await createTempDir();
});
afterEach(() => directory[Symbol.asyncDispose]());

const load = async (given: string | null = null, folderFile: string | null = null) =>
  (await loadAdminToken(directory.path, toSecret(given), folderFile)).reveal();

const stored = async () => (await readFile(tokenPath(directory.path), "utf8")).trim();

const modeOf = async () => (await stat(tokenPath(directory.path))).mode & 0o777;

test("a token is made once, and only its owner may read it", async () => {
  const made = await load();
  expect(made.length).toBeGreaterThanOrEqual(32);
  expect(await modeOf()).toBe(0o600);
  expect(await load()).toBe(made);
});

test("a token that others could read is closed to them", async () => {
  await writeFile(tokenPath(directory.path), "mine-for-a-long-time\n", { mode: 0o644 });
  expect(await load()).toBe("mine-for-a-long-time");
  expect(await modeOf()).toBe(0o600);
});

test.each(["two words", "a\nb", "\u0000\u0001", "秘密"])(
  "a file with %j in place of a token is refused",
  async (text) => {
    await writeFile(tokenPath(directory.path), text);
    await expect(load()).rejects.toMatchObject({ code: "DATA_DIR_UNUSABLE" });
    expect(await load("given-on-purpose")).toBe("given-on-purpose");
  },
);

test("a file of the current directory gives a token where there is none, and takes the place of no other", async () => {
  const own = createSecret();
  expect(await load(own, "/repository/claw-mesh.yaml")).toBe(own);
  expect(await load(own, "/repository/claw-mesh.yaml")).toBe(own);
  const error = await load(createSecret(), "/repository/claw-mesh.yaml").catch((cause) => cause);
  expect(error).toMatchObject({ code: "CONFIG_INVALID" });
  expect(error.message).toContain("/repository/claw-mesh.yaml");
  expect(error.hint).toContain("--config /repository/claw-mesh.yaml");
  expect(await stored()).toBe(own);
});

test("whoever names a token means it: it takes the other's place", async () => {
  await load();
  const own = createSecret();
  expect(await load(own)).toBe(own);
  expect(await stored()).toBe(own);
});

test.each(["a", "summer2026", "fifteen-letters"])(
  "%j is too short for an admin token, given or stored",
  async (token) => {
    await expect(load(token)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await writeFile(tokenPath(directory.path), token);
    await expect(load()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(await stored()).toBe(token);
    expect(await load("sixteen-letters-")).toBe("sixteen-letters-");
  },
);

test("every token of our own making is known as one that nobody can guess", () => {
  for (let at = 0; at < 10_000; at += 1) expect(isUnguessable(new Secret(createSecret()))).toBeTrue();
  expect(isUnguessable(new Secret(createSecret() + createSecret()))).toBeTrue();
});

test.each([
  "",
  "test-admin-token",
  "correct-horse-battery-staple-correct-horse",
  createSecret().slice(1),
  `A${createSecret()}`,
  "0".repeat(32),
  "deadbeef".repeat(4),
  "0123456789abcdef".repeat(2),
  "1234567890".repeat(5),
])("%j may have been chosen by a person", (token) => {
  expect(isUnguessable(new Secret(token))).toBeFalse();
});
