import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connectRaw } from "../../support/raw-http.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const repeats = 30;
const bearer = "Authorization: Bearer test-admin-token";

interface Sent {
  readonly path: string;
  readonly body: unknown;
  readonly headers: string;
}

/** Ways of leaving right behind a request; the answer is never seen. */
const ways: readonly (readonly [string, (sent: Sent) => Promise<void>])[] = [
  [
    "at once",
    async (sent) => {
      const { socket, write } = await connectRaw(mesh.port());
      const body = JSON.stringify(sent.body);
      write(`${headOf(sent)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      socket.resetAndDestroy();
    },
  ],
  [
    "with the end of the body",
    async (sent) => {
      const { socket, write } = await connectRaw(mesh.port());
      const body = JSON.stringify(sent.body);
      write(`${headOf(sent)}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`);
      await Bun.sleep(3);
      write(body.slice(-1));
      socket.resetAndDestroy();
    },
  ],
  [
    "with the last chunk",
    async (sent) => {
      const { socket, write } = await connectRaw(mesh.port());
      const body = JSON.stringify(sent.body);
      write(`${headOf(sent)}\r\nTransfer-Encoding: chunked\r\n\r\n`);
      await Bun.sleep(3);
      write(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
      socket.resetAndDestroy();
    },
  ],
];

function headOf({ path, headers }: Sent): string {
  return `POST /api/v1${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}`;
}

/** Until whatever was begun is over: an act of ours that comes after it is recorded. */
async function settle(name: string): Promise<void> {
  await Bun.sleep(100);
  await mesh.call("POST", "/api/v1/tokens", { body: { name, scopes: ["read"] } });
}

describe.each(ways)("a client that resets its connection %s", (way, leave) => {
  test("has acted from its address, or not at all", async () => {
    for (let at = 0; at < repeats; at += 1) {
      const name = `${way.replaceAll(" ", "-")}-${at}`;
      await leave({ path: "/tokens", body: { name, scopes: ["read"] }, headers: `${bearer}` });
    }
    await settle(`${way.replaceAll(" ", "-")}-last`);
    const { body } = await mesh.call("GET", "/api/v1/audit?limit=200");
    const addresses: (string | null)[] = body.entries.map(
      (entry: { address: string | null }) => entry.address,
    );
    expect(addresses.length).toBeGreaterThan(0);
    expect([...new Set(addresses)].filter((address) => address !== null)).toEqual(["127.0.0.1"]);
  });

  test("has sent from its address, or not at all", async () => {
    for (let at = 0; at < repeats; at += 1) {
      await leave({ path: "/tasks", body: { content: `${way} ${at}` }, headers: bearer });
    }
    await settle(`${way.replaceAll(" ", "-")}-sent`);
    await mesh.call("POST", "/api/v1/tasks", { body: { content: "the last" } });
    const { body } = await mesh.call("GET", "/api/v1/tasks?limit=200");
    const addresses = await Promise.all(
      body.tasks.map(
        async ({ id }: { id: string }) => (await mesh.call("GET", `/api/v1/tasks/${id}`)).body.from_address,
      ),
    );
    // That is this very machine.
    expect([...new Set(addresses)]).toEqual([null]);
  });
});
