import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { toSecret } from "../../src/protocol/secret.ts";
import {
  type FoundRuntime,
  findLocalRuntime,
  findRuntime,
  type RuntimeWish,
} from "../../src/runtimes/find-runtime.ts";
import { startOpenaiServer } from "../support/openai-server.ts";

let home = "";
/** Greets WebSockets as an OpenClaw gateway does. */
const gateway = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("<html></html>")),
  websocket: {
    open: (socket) =>
      void socket.send(
        JSON.stringify({ type: "event", event: "connect.challenge", payload: { nonce: "n" } }),
      ),
    message: () => {},
  },
});
const running = `127.0.0.1:${gateway.port}`;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "find-runtime-"));
});
afterAll(async () => {
  await gateway.stop(true);
  await rm(home, { recursive: true, force: true });
});
beforeEach(() => writeConfig(gateway.port ?? 0));

const writeConfig = (port: number) =>
  Bun.write(
    join(home, ".openclaw", "openclaw.json"),
    JSON.stringify({ gateway: { port, auth: { token: "own" } } }),
  );

const deps = () => ({ env: { HOME: home }, fetch: createFetch({ env: {} }), clock: systemClock });
/** What is found, with the token as text. */
const find = async ({
  token = null,
  ...parts
}: Partial<Omit<RuntimeWish, "token">> & { token?: string | null }) =>
  withText(
    await findRuntime(
      { runtime: "auto", endpoint: null, autoDiscover: true, ...parts, token: toSecret(token) },
      deps(),
    ),
  );
const findLocal = async () => {
  const found = await findLocalRuntime(deps());
  return found === null ? null : withText(found);
};
const withText = (found: FoundRuntime) => ({ ...found, token: found.token?.reveal() ?? null });

describe("finding the runtime of this machine", () => {
  test("finds the OpenClaw gateway that is running, with its token", async () => {
    const found = {
      kind: "openclaw",
      endpoint: `ws://${running}`,
      token: "own",
      tokenProblem: null,
    } as const;
    expect(await findLocal()).toEqual(found);
    expect(await find({})).toEqual(found);
  });

  test("finds nothing when the gateway does not run", async () => {
    await writeConfig(1);
    expect(await findLocal()).toBeNull();
    await expect(find({})).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
  });

  test("does not look when it is told not to", async () => {
    await expect(find({ autoDiscover: false })).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
  });

  test("says where a token may come from when the files have none", async () => {
    await Bun.write(
      join(home, ".openclaw", "openclaw.json"),
      JSON.stringify({ gateway: { port: gateway.port } }),
    );
    expect(await find({})).toMatchObject({
      token: null,
      tokenProblem: expect.stringContaining("--gateway-token"),
    });
    expect(await find({ token: "given" })).toMatchObject({ token: "given", tokenProblem: null });
  });
});

describe("finding the runtime that was named", () => {
  test("is echo, whatever runs here", async () => {
    expect(await find({ runtime: "echo" })).toMatchObject({ kind: "echo", endpoint: null, token: null });
  });

  test("asks an endpoint what it is", async () => {
    await using server = await startOpenaiServer();
    expect(await find({ endpoint: server.url })).toMatchObject({ kind: "openai", endpoint: server.url });
    await expect(find({ endpoint: "127.0.0.1:1" })).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
  });

  test("takes the kind that is given without asking", async () => {
    const wish = { runtime: "openai", endpoint: "127.0.0.1:1", token: "key" } as const;
    expect(await find(wish)).toMatchObject({ kind: "openai", endpoint: "127.0.0.1:1", token: "key" });
  });

  test("knows the token of this machine's gateway, however its address is written", async () => {
    for (const endpoint of [running, `localhost:${gateway.port}`, `http://${running}/`]) {
      expect(await find({ endpoint, runtime: "openclaw" })).toMatchObject({ endpoint, token: "own" });
    }
  });

  test("keeps the token of this machine's gateway from every other address", async () => {
    const wish = { endpoint: "127.0.0.1:1", runtime: "openclaw" } as const;
    expect(await find(wish)).toMatchObject({ token: null });
  });

  test("uses OpenClaw's own address when it is named and does not run yet", async () => {
    await writeConfig(1);
    expect(await find({ runtime: "openclaw" })).toMatchObject({ endpoint: "ws://127.0.0.1:1", token: "own" });
  });
});
