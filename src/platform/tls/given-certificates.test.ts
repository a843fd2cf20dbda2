import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir, type TempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../clock.ts";
import { type Log, silentLog } from "../log.ts";
import { type MadeCertificate, makeAuthority, makeCertificate, makeKey } from "./certificate-maker.ts";
import { loadGivenCertificates, versionOf } from "./given-certificates.ts";

const dayMs = 24 * 3600 * 1000;
let directory: TempDir;
let leaf: MadeCertificate;
let authority: MadeCertificate;
beforeEach(async () => {
  directory = await createTempDir();
  const key = await makeKey();
  authority = { key, certificate: await makeAuthority(key, Date.now()) };
  leaf = await makeCertificate(authority, ["mesh.example.com", "*.example.org", "192.0.2.1"], Date.now());
  await write(leaf.certificate + authority.certificate, leaf.key);
});
afterEach(() => directory[Symbol.asyncDispose]());

const files = () => ({ certFile: join(directory.path, "c.pem"), keyFile: join(directory.path, "k.pem") });

async function write(certificate: string, key: string): Promise<void> {
  await writeFile(files().certFile, certificate);
  await writeFile(files().keyFile, key, { mode: 0o600 });
}

function load(options: { inDays?: number; log?: Log } = {}) {
  const clock = { ...systemClock, nowMs: () => Date.now() + (options.inDays ?? 0) * dayMs };
  return loadGivenCertificates(files(), { clock, log: options.log ?? silentLog });
}

test("a certificate and its key are taken with the chain as it is, under the names that it can be called by", async () => {
  const { served, names, trust } = await load();
  expect(served.cert).toBe(leaf.certificate + authority.certificate);
  expect(served.key.reveal()).toBe(leaf.key);
  expect(Bun.inspect(served)).not.toContain("PRIVATE KEY");
  expect(names).toEqual(["mesh.example.com"]);
  expect(trust?.serverName).toBe("mesh.example.com");
  expect(trust?.ca?.trim()).toBe(authority.certificate.trim());
});

describe("refused with TLS_INVALID, and the file is named", () => {
  test.each([
    ["no certificate", () => write("hello", leaf.key), "c.pem"],
    ["a certificate that is cut", () => write(leaf.certificate.slice(0, 200), leaf.key), "c.pem"],
    ["no key", () => write(leaf.certificate, "hello"), "k.pem"],
    ["the key of another", async () => write(leaf.certificate, await makeKey()), "belong together"],
    [
      "the authority before the certificate",
      () => write(authority.certificate + leaf.certificate, leaf.key),
      "belong together",
    ],
    [
      "a key with a password",
      () => write(leaf.certificate, leaf.key.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
      "password",
    ],
    ["no certificate file", () => rm(files().certFile), "c.pem"],
    ["no key file", () => rm(files().keyFile), "k.pem"],
  ])("%s", async (_, damage, named) => {
    await damage();
    await expect(load()).rejects.toMatchObject({
      code: "TLS_INVALID",
      message: expect.stringContaining(named),
    });
  });

  test("one that has ended", async () => {
    await expect(load({ inDays: 91 })).rejects.toMatchObject({ code: "TLS_INVALID" });
  });
});

describe("warned of", () => {
  test.each([
    ["nothing, where all is well", async () => {}, 0, 0],
    ["an end in less than two weeks", async () => {}, 80, 1],
    ["a certificate that is not valid yet", async () => {}, -5, 1],
    ["a key that others can read", () => chmod(files().keyFile, 0o644), 0, 1],
  ])("%s", async (_, change, inDays, warnings) => {
    const said: string[] = [];
    await change();
    await load({ inDays, log: { ...silentLog, warn: (message) => said.push(message) } });
    expect(said).toHaveLength(warnings);
  });
});

test("a file that was written, replaced or taken away has another version", async () => {
  const first = await versionOf(files());
  expect(await versionOf(files())).toBe(first);
  await writeFile(files().keyFile, `${leaf.key}\n`);
  const second = await versionOf(files());
  expect(second).not.toBe(first);
  await rm(files().keyFile);
  expect(await versionOf(files())).not.toBe(second);
});
