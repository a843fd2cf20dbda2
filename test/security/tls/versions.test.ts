import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { createMeshClient } from "../../../src/client/index.ts";
import { contract } from "../../../src/protocol/http/contract.ts";
import { createTestCoordinator } from "../../support/test-coordinator.ts";
import { createTlsMesh } from "./tls-world.ts";

/** A ClientHello of a version, as clients of that time sent it: no extensions, the suites that they had. */
function clientHello(version: number): Buffer {
  const suites = Buffer.from([
    0xc0, 0x09, 0xc0, 0x0a, 0xc0, 0x13, 0xc0, 0x14, 0x00, 0x2f, 0x00, 0x35, 0x00, 0x0a,
  ]);
  const body = Buffer.concat([
    Buffer.from([version >> 8, version & 0xff]),
    Buffer.alloc(32, 7),
    Buffer.from([0, suites.length >> 8, suites.length & 0xff]),
    suites,
    Buffer.from([1, 0]),
  ]);
  const handshake = Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 0xff]), body]);
  return Buffer.concat([Buffer.from([22, 3, 0, handshake.length >> 8, handshake.length & 0xff]), handshake]);
}

/** All that the other side says before it closes. */
function exchange(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const heard: Buffer[] = [];
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(bytes));
    socket.on("data", (piece) => heard.push(Buffer.from(piece)));
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(heard)));
  });
}

describe("versions of TLS", () => {
  test.each([
    ["SSL 3.0", 0x0300],
    ["TLS 1.0", 0x0301],
    ["TLS 1.1", 0x0302],
  ])("%s is refused with an alert, not a handshake", async (_, version) => {
    await using mesh = await createTlsMesh();
    const answer = await exchange(mesh.port(), clientHello(version));
    // An alert (21), fatal (2), about the version (70): about anything else, another offer might have been taken.
    expect([answer[0], answer[5], answer[6]]).toEqual([21, 2, 70]);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s is spoken", async (version) => {
    await using mesh = await createTlsMesh();
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    const socket = connectTls(
      {
        host: "127.0.0.1",
        port: mesh.port(),
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
      },
      () => resolve(socket.getProtocol()),
    );
    socket.on("error", reject);
    expect(await promise).toBe(version);
    socket.destroy();
  });
});

describe("the wrong kind of address", () => {
  test("plain HTTP to a port with TLS is told nothing, and the client explains it", async () => {
    await using mesh = await createTlsMesh();
    const answer = await exchange(mesh.port(), Buffer.from("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"));
    expect(answer.toString("latin1")).not.toContain("HTTP/");
    const baseUrl = `http://127.0.0.1:${mesh.port()}`;
    const asking = createMeshClient({ baseUrl, token: null, fetch }).call(contract.getHealth, {});
    await expect(asking).rejects.toMatchObject({
      code: "COORDINATOR_UNREACHABLE",
      hint: expect.stringContaining("https://"),
    });
  });

  test("https to a port without TLS: the client explains it, and so does a join with a pin", async () => {
    await using coordinator = await createTestCoordinator();
    const baseUrl = `https://127.0.0.1:${coordinator.port()}`;
    const asking = createMeshClient({ baseUrl, token: null, fetch }).call(contract.getHealth, {});
    await expect(asking).rejects.toMatchObject({
      code: "COORDINATOR_UNREACHABLE",
      hint: expect.stringContaining("http://"),
    });
  });
});

test("a redirect is not followed, so that no token goes where it leads", async () => {
  let followed = 0;
  const target = Bun.serve({
    port: 0,
    fetch: () => {
      followed += 1;
      return new Response("{}");
    },
  });
  const server = Bun.serve({ port: 0, fetch: () => Response.redirect(`http://127.0.0.1:${target.port}/`) });
  const client = createMeshClient({ baseUrl: `http://127.0.0.1:${server.port}`, token: null, fetch });
  await expect(client.call(contract.getHealth, {})).rejects.toMatchObject({ code: "NOT_A_COORDINATOR" });
  expect(followed).toBe(0);
  await Promise.all([server.stop(true), target.stop(true)]);
});
