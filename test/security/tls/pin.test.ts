import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MadeCertificate } from "../../../src/platform/tls/certificate-maker.ts";
import { pinOf } from "../../../src/platform/tls/pin.ts";
import { coordinatorName } from "../../../src/platform/tls/trust.ts";
import { createTempDir, type TempDir } from "../../support/temp-dir.ts";
import {
  createAuthority,
  createLeaf,
  createSelfSigned,
  createTlsMesh,
  startEchoNode,
  startHostileServer,
} from "./tls-world.ts";

const names = [coordinatorName, "127.0.0.1"];
const pinOfPem = (pem: string) => pinOf(new X509Certificate(pem));
const secret = "cmi_0123456789abcdef0123456789abcdef";

let directory: TempDir;
beforeEach(async () => {
  directory = await createTempDir();
});
afterEach(() => directory[Symbol.asyncDispose]());

describe("a node with a pin sends nothing to a server with another key", () => {
  /** What a machine in the middle may show, who knows all that is public of the real coordinator. */
  interface Real {
    readonly authority: MadeCertificate;
    readonly leaf: MadeCertificate;
  }
  type Shown = { readonly own: MadeCertificate; readonly chain: readonly string[] };
  const hostile: readonly (readonly [string, (real: Real) => Promise<Shown>])[] = [
    [
      "an authority and a certificate of its own",
      async () => {
        const authority = await createAuthority();
        return { own: await createLeaf(authority, names), chain: [authority.certificate] };
      },
    ],
    [
      "an authority of the real one's name",
      async ({ authority }) => {
        const { subject } = new X509Certificate(authority.certificate);
        const twin = await createAuthority(subject.split("\n").join(", "));
        return { own: await createLeaf(twin, names), chain: [twin.certificate] };
      },
    ],
    [
      "its own certificate, with the real authority sent along",
      async ({ authority }) => ({ own: await createSelfSigned(names), chain: [authority.certificate] }),
    ],
    [
      "a certificate in the real authority's name, with that authority sent along",
      async ({ authority }) => {
        const { subject } = new X509Certificate(authority.certificate);
        const twin = await createAuthority(subject.split("\n").join(", "));
        return { own: await createLeaf(twin, names), chain: [authority.certificate] };
      },
    ],
    [
      "its own certificate, with the whole real chain sent along",
      async ({ authority, leaf }) => ({
        own: await createSelfSigned(names),
        chain: [leaf.certificate, authority.certificate],
      }),
    ],
    ["a certificate that signs itself", async () => ({ own: await createSelfSigned(names), chain: [] })],
  ];

  test.each(hostile)("%s", async (_, show) => {
    const authority = await createAuthority();
    const leaf = await createLeaf(authority, names);
    const { own, chain } = await show({ authority, leaf });
    await using server = await startHostileServer(own, chain);
    const joining = startEchoNode({
      url: server.url,
      code: `${secret}.${pinOfPem(authority.certificate)}`,
      dataDir: directory.path,
    });
    await expect(joining).rejects.toMatchObject({ code: "TLS_PIN_MISMATCH" });
    expect(server.connections()).toBeGreaterThan(0);
    expect(server.heard()).toBe(0);
  });

  test("the hostile server of these tests hears whoever does speak to it", async () => {
    await using server = await startHostileServer(await createSelfSigned(names));
    const tls = { rejectUnauthorized: false };
    await fetch(server.url, { headers: { authorization: "Bearer x" }, tls } as RequestInit);
    expect(server.heard()).toBeGreaterThan(0);
  });

  test("a certificate signed by a server's certificate is not one of its authority", async () => {
    const authority = await createAuthority();
    const leaf = await createLeaf(authority, names);
    // The holder of a leaf of the pinned authority tries to be an authority himself.
    const below = await createLeaf(leaf, names);
    await using server = await startHostileServer(below, [leaf.certificate, authority.certificate]);
    for (const pin of [pinOfPem(authority.certificate), pinOfPem(leaf.certificate)]) {
      const joining = startEchoNode({ url: server.url, code: `${secret}.${pin}`, dataDir: directory.path });
      await expect(joining).rejects.toMatchObject({ code: "TLS_PIN_MISMATCH" });
    }
    expect(server.heard()).toBe(0);
  });
});

describe("a pin that cannot be kept to is refused before anything is dialed", () => {
  test("with an address without TLS", async () => {
    let requests = 0;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        requests += 1;
        return new Response("{}");
      },
    });
    const authority = await createAuthority();
    const code = `${secret}.${pinOfPem(authority.certificate)}`;
    const joining = startEchoNode({ url: `http://127.0.0.1:${server.port}`, code, dataDir: directory.path });
    await expect(joining).rejects.toMatchObject({ code: "USAGE" });
    await server.stop(true);
    expect(requests).toBe(0);
  });

  test.each(["", "short", "a".repeat(42), "a".repeat(44), `${"a".repeat(42)}!`])(
    "the pin %j",
    async (pin) => {
      await using server = await startHostileServer(await createSelfSigned(names));
      const joining = startEchoNode({ url: server.url, code: `${secret}.${pin}`, dataDir: directory.path });
      await expect(joining).rejects.toMatchObject({ code: "USAGE" });
      expect(server.connections()).toBe(0);
    },
  );
});

describe("a node that has joined", () => {
  const nodeFile = async (dataDir: string) => {
    const [path = ""] = [...new Bun.Glob("nodes/*/heron/node.json").scanSync(dataDir)];
    return JSON.parse(await readFile(join(dataDir, path), "utf8"));
  };

  test("keeps the authority, and comes back without an invite", async () => {
    await using mesh = await createTlsMesh();
    const dataDir = join(directory.path, "node");
    const first = await mesh.join({ code: await mesh.invite(), dataDir });
    await first.stop();
    expect((await nodeFile(dataDir)).tls).toEqual({
      pin: pinOfPem(mesh.trust().ca ?? ""),
      ca: mesh.trust().ca,
      server_name: coordinatorName,
    });
    const again = await mesh.join({ dataDir });
    expect(again.nodeId).toBe(first.nodeId);
    await again.stop();
  });

  test("sends nothing to another key at the same address, goes on trying, and links when the right one is back", async () => {
    await using mesh = await createTlsMesh();
    const dataDir = join(directory.path, "node");
    const first = await mesh.join({ code: await mesh.invite(), dataDir });
    await first.stop();
    const port = mesh.port();
    await mesh.stop();
    const other = await createAuthority();
    const hostile = await startHostileServer(await createLeaf(other, names), [other.certificate], port);
    const refused = Promise.withResolvers<string>();
    const coming = mesh.join({
      url: hostile.url,
      dataDir,
      onStatus: (status) => {
        if (status.state === "unreachable") refused.resolve(status.error.code);
      },
    });
    expect(await refused.promise).toBe("TLS_PIN_MISMATCH");
    expect(hostile.heard()).toBe(0);
    await hostile[Symbol.asyncDispose]();
    await mesh.restart({ port });
    expect((await coming).nodeId).toBe(first.nodeId);
  });

  test("with the same join line again asks nobody whom it does not know already", async () => {
    await using mesh = await createTlsMesh();
    const dataDir = join(directory.path, "node");
    const code = await mesh.invite();
    const first = await mesh.join({ code, dataDir });
    await first.stop();
    const again = await mesh.join({ code, dataDir });
    expect(again.nodeId).toBe(first.nodeId);
  });

  test("takes a new invite's pin in place of the old key", async () => {
    await using mesh = await createTlsMesh();
    const dataDir = join(directory.path, "node");
    await (await mesh.join({ code: await mesh.invite(), dataDir })).stop();
    await using other = await createTlsMesh();
    const port = mesh.port();
    await mesh.stop();
    await other.restart({ port });
    const again = await other.join({ code: await other.invite(), dataDir });
    expect(again.selfTest.authenticated).toBe(true);
  });
});
