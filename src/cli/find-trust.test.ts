import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { createTempDir, type TempDir } from "../../test/support/temp-dir.ts";
import { type ConfigFlag, loadConfig } from "../config/load-config.ts";
import { makeAuthority, makeCertificate, makeKey } from "../platform/tls/certificate-maker.ts";
import { coordinatorName } from "../platform/tls/trust.ts";
import { findTrust } from "./find-trust.ts";

let home: TempDir;
let authority: { certificate: string; key: string };
beforeEach(async () => {
  home = await createTempDir();
  const key = await makeKey();
  authority = { key, certificate: await makeAuthority(key, Date.now()) };
  await mkdir(join(home.path, ".claw-mesh", "tls"), { recursive: true });
});
afterEach(() => home[Symbol.asyncDispose]());

async function find(url: string, flags: readonly ConfigFlag[] = []) {
  const places = { home: home.path, cwd: home.path };
  const config = await loadConfig({
    ...places,
    flags,
    env: {},
    configPath: null,
    systemDir: join(home.path, "etc"),
  });
  return findTrust(places, config, url);
}

const flag = (name: string, file: string) => ({ path: `tls.${name}`, flag: "--x", value: file });
const keepAuthority = () => writeFile(join(home.path, ".claw-mesh", "tls", "ca.pem"), authority.certificate);

describe("the authority in the data directory", () => {
  test.each([
    "https://127.0.0.1:9180",
    "https://localhost:9180",
    "https://[::1]:9180",
    `https://${hostname()}:9180`,
  ])("is trusted at %s", async (url) => {
    await keepAuthority();
    expect(await find(url)).toEqual({ ca: authority.certificate, serverName: coordinatorName });
  });

  test.each(["https://mesh.example.com", "https://192.0.2.77:9180", "http://127.0.0.1:9180"])(
    "is no matter at %s",
    async (url) => {
      await keepAuthority();
      expect(await find(url)).toBeNull();
    },
  );

  test("leaves it to the system where there is none", async () => {
    expect(await find("https://127.0.0.1:9180")).toBeNull();
  });
});

describe("a file of authorities", () => {
  test("comes before the data directory, by the names of the address unless it is a mesh's own", async () => {
    await keepAuthority();
    await writeFile(join(home.path, "own.pem"), authority.certificate);
    expect(await find("https://mesh.example.com", [flag("ca_file", "own.pem")])).toEqual({
      ca: authority.certificate,
      serverName: coordinatorName,
    });
    const leaf = await makeCertificate(authority, ["company.example"], Date.now());
    await writeFile(join(home.path, "other.pem"), leaf.certificate);
    expect(await find("https://127.0.0.1:9180", [flag("ca_file", "other.pem")])).toEqual({
      ca: leaf.certificate,
      serverName: null,
    });
  });

  test.each([
    ["is not there", null],
    ["holds no certificate", "hello"],
    ["holds a damaged one", "-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n"],
  ])("that %s is told of", async (_, text) => {
    if (text !== null) await writeFile(join(home.path, "ca.pem"), text);
    await expect(find("https://mesh.example.com", [flag("ca_file", "ca.pem")])).rejects.toMatchObject({
      code: "TLS_NOT_TRUSTED",
      message: expect.stringContaining("ca.pem"),
    });
  });
});

describe("authorities that a file of the current directory names", () => {
  const plant = () =>
    writeFile(join(home.path, "claw-mesh.yaml"), "tls: { ca_file: ./ca.pem }\n", { mode: 0o600 });
  beforeEach(() => writeFile(join(home.path, "ca.pem"), authority.certificate));

  test("count on this machine", async () => {
    await plant();
    expect((await find("https://127.0.0.1:9180"))?.ca).toBe(authority.certificate);
  });

  test.each(["https://mesh.example.com", "https://192.0.2.77:9180"])("do not count at %s", async (url) => {
    await plant();
    await expect(find(url)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("claw-mesh.yaml"),
    });
    expect((await find(url, [flag("ca_file", "ca.pem")]))?.ca).toBe(authority.certificate);
  });
});

describe("a certificate of the configuration", () => {
  test("is trusted on this machine by its root and one of its names", async () => {
    const leaf = await makeCertificate(authority, ["mesh.example.com"], Date.now());
    await writeFile(join(home.path, "c.pem"), leaf.certificate + authority.certificate);
    const flags = [flag("cert_file", "c.pem"), flag("key_file", "k.pem")];
    const trust = await find("https://127.0.0.1:9180", flags);
    expect(trust?.ca?.trim()).toBe(authority.certificate.trim());
    expect(trust?.serverName).toBe("mesh.example.com");
    expect(await find("https://elsewhere.example", flags)).toBeNull();
  });

  test("without its root, by a name of it and the authorities that are named, or the system's", async () => {
    const leaf = await makeCertificate(authority, ["*.example.com"], Date.now());
    await writeFile(join(home.path, "c.pem"), leaf.certificate);
    await writeFile(join(home.path, "ca.pem"), authority.certificate);
    const flags = [flag("cert_file", "c.pem"), flag("key_file", "k.pem")];
    const serverName = "coordinator.example.com";
    expect(await find("https://127.0.0.1:9180", flags)).toEqual({ ca: null, serverName });
    const named = [...flags, flag("ca_file", "ca.pem")];
    expect(await find("https://127.0.0.1:9180", named)).toEqual({ ca: authority.certificate, serverName });
  });
});
