import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { chmod, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { type Clock, systemClock } from "../clock.ts";
import { type Log, silentLog } from "../log.ts";
import { makeKey } from "./certificate-maker.ts";
import { certificateNames } from "./certificate-names.ts";
import { loadOwnCertificates } from "./own-certificates.ts";
import { isSignedBy } from "./pem.ts";

const serverAuth = "1.3.6.1.5.5.7.3.1";
const dayMs = 24 * 3600 * 1000;
let directory: Awaited<ReturnType<typeof createTempDir>>;
beforeEach(async () => {
  directory = await createTempDir();
});
afterEach(() => directory[Symbol.asyncDispose]());

const fileOf = (name: string) => join(directory.path, "tls", name);
const read = (name: string) => readFile(fileOf(name), "utf8");
const names = certificateNames({ hostName: "Heron", addresses: ["192.0.2.7", "2001:db8::1"], others: [] });

function load(options: { inDays?: number; names?: readonly string[]; log?: Log; isStart?: boolean } = {}) {
  const clock: Clock = { ...systemClock, nowMs: () => Date.now() + (options.inDays ?? 0) * dayMs };
  return loadOwnCertificates({
    dataDir: directory.path,
    names: options.names ?? names,
    isStart: options.isStart ?? true,
    clock,
    log: options.log ?? silentLog,
  });
}

describe("the first start", () => {
  test("makes an authority of ten years and a certificate of ninety days that it has signed", async () => {
    const { served } = await load();
    const [leaf, authority] = served.cert.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
    const own = new X509Certificate(leaf ?? "");
    const ca = new X509Certificate(authority ?? "");
    expect(isSignedBy(own, ca)).toBe(true);
    expect(ca.ca).toBe(true);
    // Whoever imports it into a system's store gets servers from it, and neither clients nor signatures of code.
    expect(ca.keyUsage).toEqual([serverAuth]);
    expect(own.ca).toBe(false);
    const daysOf = (certificate: X509Certificate) =>
      Math.round((certificate.validToDate.getTime() - Date.now()) / dayMs);
    expect([daysOf(ca), daysOf(own)]).toEqual([3650, 90]);
  });

  test.each(["coordinator.claw-mesh.internal", "localhost", "heron"])(
    "the certificate has the name %s",
    async (name) => {
      const own = new X509Certificate((await load()).served.cert);
      expect(own.checkHost(name)).toBeDefined();
    },
  );

  test.each(["127.0.0.1", "::1", "192.0.2.7", "2001:db8::1"])(
    "the certificate has the address %s",
    async (address) => {
      const own = new X509Certificate((await load()).served.cert);
      expect(own.checkIP(address)).toBeDefined();
    },
  );

  test.skipIf(process.platform === "win32")("keeps the files to their owner", async () => {
    await load();
    expect((await stat(join(directory.path, "tls"))).mode & 0o777).toBe(0o700);
    expect((await readdir(join(directory.path, "tls"))).sort()).toEqual([
      "ca.key",
      "ca.pem",
      "cert.key",
      "cert.pem",
    ]);
    for (const name of ["ca.key", "ca.pem", "cert.key", "cert.pem"]) {
      expect((await stat(fileOf(name))).mode & 0o777).toBe(0o600);
    }
  });
});

describe("a later start", () => {
  test("changes nothing", async () => {
    expect(await load()).toEqual(await load());
  });

  test.each([
    ["at the first third", 29, false],
    ["when a bit more than a third is left", 59, false],
    ["when a third is left", 61, true],
    ["after its end", 100, true],
  ])("%s: renewed or not, the pin stays", async (_, inDays, isRenewed) => {
    const first = await load();
    const later = await load({ inDays });
    expect(later.served.cert !== first.served.cert).toBe(isRenewed);
    expect(later.pin).toBe(first.pin);
    expect(later.trust).toEqual(first.trust);
  });

  test("makes a certificate with the names that are new", async () => {
    await load();
    const { served } = await load({ names: [...names, "mesh.example.com", "*.example.org"] });
    expect(new X509Certificate(served.cert).checkHost("mesh.example.com")).toBeDefined();
    expect((await load({ names: [...names, "*.example.org"] })).served.cert).toBe(served.cert);
  });

  test.skipIf(process.platform === "win32")(
    "closes files and a folder that were opened to others, and says so",
    async () => {
      await load();
      for (const name of ["ca.key", "cert.key"]) await chmod(fileOf(name), 0o644);
      await chmod(join(directory.path, "tls"), 0o755);
      const said: string[] = [];
      await load({ log: { ...silentLog, warn: (message) => said.push(message) } });
      expect((await stat(fileOf("ca.key"))).mode & 0o777).toBe(0o600);
      expect((await stat(fileOf("cert.key"))).mode & 0o777).toBe(0o600);
      expect((await stat(join(directory.path, "tls"))).mode & 0o777).toBe(0o700);
      expect(said.length).toBeGreaterThan(0);
    },
  );
});

describe("after a crash in the middle", () => {
  /** What is on the disk after each step of the first start, and of a renewal. */
  test.each([
    ["the authority's key", ["ca.key"]],
    ["the authority", ["ca.key", "ca.pem"]],
    ["the certificate's key", ["ca.key", "ca.pem", "cert.key"]],
  ])("with no more than %s, the next start goes on with the same key", async (_, kept) => {
    const first = await load();
    for (const name of ["ca.key", "ca.pem", "cert.key", "cert.pem"]) {
      if (!kept.includes(name)) await rm(fileOf(name));
    }
    expect((await load()).pin).toBe(first.pin);
  });

  test("with a new key and the old certificate, a new certificate is made", async () => {
    const first = await load();
    await writeFile(fileOf("cert.key"), await makeKey());
    const next = await load();
    expect(next.pin).toBe(first.pin);
    expect(new X509Certificate(next.served.cert).checkPrivateKey).toBeDefined();
    expect(await load()).toEqual(next);
  });

  test("an authority made again of its key signs what nodes with the old one accept", async () => {
    const first = await load();
    await rm(fileOf("ca.pem"));
    await rm(fileOf("cert.pem"));
    const next = await load();
    const old = new X509Certificate(first.trust.ca ?? "");
    expect(isSignedBy(new X509Certificate(next.served.cert), old)).toBe(true);
  });
});

describe("files that are lost or damaged are told of, and nothing is made in their place", () => {
  test("the authority's key is missing", async () => {
    await load();
    await rm(fileOf("ca.key"));
    await expect(load()).rejects.toMatchObject({ code: "TLS_INVALID" });
    expect(await readdir(join(directory.path, "tls"))).not.toContain("ca.key");
  });

  test("the authority is gone altogether, though a certificate of it is there", async () => {
    await load();
    await rm(fileOf("ca.key"));
    await rm(fileOf("ca.pem"));
    await expect(load()).rejects.toMatchObject({
      code: "TLS_INVALID",
      hint: expect.stringContaining("backup"),
    });
  });

  test.skipIf(process.platform === "win32").each(["ca.key", "cert.key"])(
    "%s is a link to elsewhere",
    async (name) => {
      await load();
      const elsewhere = join(directory.path, "elsewhere.key");
      await rename(fileOf(name), elsewhere);
      await symlink(elsewhere, fileOf(name));
      await expect(load()).rejects.toMatchObject({ code: "FILE_UNSAFE" });
    },
  );

  test("the authority's key is another one", async () => {
    await load();
    await writeFile(fileOf("ca.key"), await makeKey());
    await expect(load()).rejects.toMatchObject({ code: "TLS_INVALID" });
  });

  const damages = [
    ["empty", () => ""],
    ["cut", (text: string) => text.slice(0, text.length / 2)],
    ["something else", () => "hello\n"],
    ["changed in the middle", (text: string) => text.replace(/\n.{20}/, "\n????????????????????")],
  ] as const;
  test.each(
    ["ca.key", "ca.pem", "cert.key", "cert.pem"].flatMap((name) =>
      damages.map(([how, damage]) => [name, how, damage] as const),
    ),
  )("%s is %s", async (name, how, damage) => {
    await load();
    const before = await read("ca.pem");
    await writeFile(fileOf(name), damage(await read(name)));
    const isMadeAgain = name === "cert.key" && how === "changed in the middle";
    if (isMadeAgain) await load();
    else
      await expect(load()).rejects.toMatchObject({
        code: "TLS_INVALID",
        hint: expect.stringMatching(/[Rr]e(store|move)/),
      });
    if (name !== "ca.pem") expect(await read("ca.pem")).toBe(before);
  });

  test("a certificate that another authority has signed is replaced", async () => {
    await load();
    await rename(fileOf("cert.pem"), `${directory.path}/cert.pem`);
    await rename(fileOf("cert.key"), `${directory.path}/cert.key`);
    await rm(join(directory.path, "tls"), { recursive: true });
    const next = await load();
    await rename(`${directory.path}/cert.pem`, fileOf("cert.pem"));
    await rename(`${directory.path}/cert.key`, fileOf("cert.key"));
    const after = await load();
    expect(after.pin).toBe(next.pin);
    expect(
      isSignedBy(new X509Certificate(after.served.cert), new X509Certificate(after.trust.ca ?? "")),
    ).toBe(true);
  });
});

describe("the end of the authority", () => {
  test.each([
    [3200, 0],
    [3300, 1],
  ])("after %i days it is warned of at a start, %i times", async (inDays, times) => {
    await load();
    const said: string[] = [];
    const log: Log = { ...silentLog, warn: (message) => said.push(message) };
    await load({ inDays, log });
    expect(said.filter((line) => line.includes("within a year"))).toHaveLength(times);
    await load({ inDays, log, isStart: false });
    expect(said.filter((line) => line.includes("within a year"))).toHaveLength(times);
  });

  test("its certificates do not outlive it", async () => {
    await load();
    const { served, trust } = await load({ inDays: 3600 });
    const end = (pem: string | null) => new X509Certificate(pem ?? "").validToDate.getTime();
    expect(end(served.cert)).toBe(end(trust.ca));
    expect((await load({ inDays: 3640 })).served.cert).toBe(served.cert);
  });

  test("after it, the coordinator says how to go on", async () => {
    await load();
    await expect(load({ inDays: 3660 })).rejects.toMatchObject({
      code: "TLS_INVALID",
      hint: expect.stringContaining("invite"),
    });
  });
});
