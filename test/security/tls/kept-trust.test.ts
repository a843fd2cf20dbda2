import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RawCoordinator, startRawCoordinator } from "../../support/raw-coordinator.ts";
import { createTempDir, type TempDir } from "../../support/temp-dir.ts";
import { createTlsMesh, type NodeOptions, startEchoNode, type TlsMesh } from "./tls-world.ts";

let directory: TempDir;
beforeEach(async () => {
  directory = await createTempDir();
});
afterEach(() => directory[Symbol.asyncDispose]());

const dataDir = () => join(directory.path, "node");
const direct = { isWanted: true, listen: "127.0.0.1:0", endpoint: null };

interface Kept {
  readonly path: string;
  readonly meshId: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of a file that they then compare.
  readonly file: any;
}

/** The identity that was made last, or that of a mesh. */
async function kept(meshId?: string): Promise<Kept> {
  const found: Kept[] = [];
  for (const path of new Bun.Glob(`nodes/${meshId ?? "*"}/heron/node.json`).scanSync(dataDir())) {
    const whole = join(dataDir(), path);
    found.push({
      path: whole,
      meshId: path.split("/")[1] ?? "",
      file: JSON.parse(await readFile(whole, "utf8")),
    });
  }
  const [newest] = found.sort((one, other) => other.file.joined_at_ms - one.file.joined_at_ms);
  if (newest === undefined) throw new Error("nothing was kept");
  return newest;
}

async function joinOnce(mesh: TlsMesh, options: NodeOptions): Promise<Kept> {
  await (await mesh.join({ dataDir: dataDir(), ...options })).stop();
  return kept();
}

/** Whatever was shown to it, without what it may see: an invite or token that was given for it. */
const shown = (impostor: RawCoordinator) =>
  impostor.seen.flatMap(({ authorization }) => (authorization === null ? [] : [authorization]));

const ways = [
  ["link", {}],
  ["direct", { direct }],
] as const;

describe("a node that knows its coordinator by a key tells its token to nobody who only names the mesh", () => {
  test.each(ways)("over plain HTTP, %s", async (_, options) => {
    await using mesh = await createTlsMesh();
    const { meshId } = await joinOnce(mesh, { code: await mesh.invite(), ...options });
    await using impostor = startRawCoordinator({ meshId });
    const joining = startEchoNode({ url: impostor.url, dataDir: dataDir(), ...options });
    await expect(joining).rejects.toMatchObject({
      code: "TLS_NOT_TRUSTED",
      hint: expect.stringContaining("https://"),
    });
    expect(shown(impostor)).toEqual([]);
    const again = await mesh.join({ dataDir: dataDir(), ...options });
    expect(again.selfTest.authenticated).toBe(true);
  });

  test.each(ways)("of another mesh that it has joined by a pin, %s", async (_, options) => {
    await using mesh = await createTlsMesh();
    const { meshId, file } = await joinOnce(mesh, { code: await mesh.invite(), ...options });
    await using other = await createTlsMesh();
    await joinOnce(other, { code: await other.invite(), ...options });
    const [cert, key] = await Promise.all(
      ["cert.pem", "cert.key"].map((name) => readFile(join(other.dataDir, "tls", name), "utf8")),
    );
    const port = other.port();
    await other.stop();
    const heard: string[] = [];
    await using _hostile = serveTls({ port, cert: cert ?? "", key: key ?? "", meshId, heard });
    const joining = startEchoNode({ url: `https://127.0.0.1:${port}`, dataDir: dataDir(), ...options });
    await expect(joining).rejects.toMatchObject({ code: "TLS_NOT_TRUSTED" });
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.join()).not.toContain(file.token);
  });

  test("when a coordinator that it is linked to over plain HTTP says that it is that mesh", async () => {
    await using mesh = await createTlsMesh();
    const { meshId, file } = await joinOnce(mesh, { code: await mesh.invite() });
    await using impostor = startRawCoordinator({ welcome: { mesh_id: meshId } });
    const joining = startEchoNode({ url: impostor.url, code: "cmi_of-the-impostor", dataDir: dataDir() });
    await expect(joining).rejects.toMatchObject({ code: "TLS_NOT_TRUSTED" });
    expect(new Set(shown(impostor))).toEqual(new Set(["Bearer cmi_of-the-impostor"]));
    expect((await kept(meshId)).file.token).toBe(file.token);
  });
});

describe("a node that joined over TLS by the system's authorities", () => {
  const joinSystem = async (mesh: TlsMesh, url: string) => {
    const { path, file, meshId } = await joinOnce(mesh, { code: await mesh.invite() });
    const { tls: _, ...rest } = file;
    await writeFile(path, JSON.stringify({ ...rest, coordinator_url: url }), { mode: 0o600 });
    return meshId;
  };

  test.each(ways)("sends nothing over plain HTTP, %s", async (_, options) => {
    await using mesh = await createTlsMesh();
    const meshId = await joinSystem(mesh, "https://mesh.example.com");
    await using impostor = startRawCoordinator({ meshId });
    const joining = startEchoNode({ url: impostor.url, dataDir: dataDir(), ...options });
    await expect(joining).rejects.toMatchObject({ code: "TLS_NOT_TRUSTED" });
    expect(shown(impostor)).toEqual([]);
  });

  test("goes on within this machine when its coordinator is started without TLS", async () => {
    await using mesh = await createTlsMesh();
    const options = { dataDir: dataDir(), trust: mesh.trust(), token: mesh.token };
    const first = await mesh.join(options);
    await first.stop();
    await mesh.restart({ tls: null });
    const again = await mesh.join({ ...options, trust: null, url: `http://127.0.0.1:${mesh.port()}` });
    expect(again.nodeId).toBe(first.nodeId);
  });
});

describe("what was kept of a coordinator", () => {
  test("stays when its authority is named at a start", async () => {
    await using mesh = await createTlsMesh();
    const before = await joinOnce(mesh, { code: await mesh.invite() });
    const named = { ca: mesh.trust().ca, serverName: mesh.trust().serverName };
    expect((await joinOnce(mesh, { trust: named })).file.tls).toEqual(before.file.tls);
  });

  test("of a mesh that was at this address before the last one counts no longer", async () => {
    await using mesh = await createTlsMesh();
    await joinOnce(mesh, { code: await mesh.invite() });
    const port = mesh.port();
    await mesh.stop();
    await using other = await createTlsMesh();
    await other.restart({ port });
    const last = await joinOnce(other, { code: await other.invite() });
    expect(last.file.coordinator_url).toBe(`https://127.0.0.1:${port}`);
    await other.stop();
    await mesh.restart({ port });
    const refused = Promise.withResolvers<string>();
    const enough = new AbortController();
    const coming = startEchoNode({
      url: `https://127.0.0.1:${port}`,
      dataDir: dataDir(),
      signal: enough.signal,
      onStatus: (status) => {
        if (status.state === "unreachable") refused.resolve(status.error.code);
      },
    });
    expect(await refused.promise).toBe("TLS_PIN_MISMATCH");
    enough.abort();
    await expect(coming).rejects.toThrow();
  });
});

interface Impostor {
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly meshId: string;
  /** Of every request, its path and what it was shown. */
  readonly heard: string[];
}

function serveTls({ port, cert, key, meshId, heard }: Impostor): AsyncDisposable {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    tls: { cert, key },
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      heard.push(`${pathname} ${request.headers.get("authorization")}`);
      if (pathname === "/healthz") return Response.json({ status: "ok", mesh_id: meshId, version: "test" });
      return new Response("no", { status: 401 });
    },
  });
  return { [Symbol.asyncDispose]: () => server.stop(true) };
}
