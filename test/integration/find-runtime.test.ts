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
const auto = {
  kind: "auto",
  endpoint: null,
  token: null,
  model: null,
  approvals: "deny",
  autoDiscover: true,
} as const satisfies RuntimeWish;
/** What is found, with the token as text. */
const find = async (wish: RuntimeWish) => withText(await findRuntime(wish, deps()));
const findLocal = async () => {
  const found = await findLocalRuntime(deps());
  return found === null ? null : withText(found);
};
const withText = ({ settings, tokenProblem }: FoundRuntime) => ({
  ...settings,
  token: "token" in settings ? (settings.token?.reveal() ?? null) : null,
  tokenProblem,
});

describe("finding the runtime of this machine", () => {
  test("finds the OpenClaw gateway that is running, with its token", async () => {
    const found = {
      kind: "openclaw",
      endpoint: `ws://${running}`,
      token: "own",
      tokenProblem: null,
    } as const;
    expect(await findLocal()).toEqual(found);
    expect(await find(auto)).toEqual(found);
  });

  test("finds nothing when the gateway does not run", async () => {
    await writeConfig(1);
    expect(await findLocal()).toBeNull();
    await expect(find(auto)).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
  });

  test("does not look when it is told not to", async () => {
    await expect(find({ ...auto, autoDiscover: false })).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
  });

  test("says where a token may come from when the files have none", async () => {
    await Bun.write(
      join(home, ".openclaw", "openclaw.json"),
      JSON.stringify({ gateway: { port: gateway.port } }),
    );
    expect(await find(auto)).toMatchObject({
      token: null,
      tokenProblem: expect.stringContaining("--gateway-token"),
    });
    expect(await find({ ...auto, token: toSecret("given") })).toMatchObject({
      token: "given",
      tokenProblem: null,
    });
  });
});

describe("finding the runtime that was named", () => {
  test("is echo, whatever runs here", async () => {
    expect(await find({ kind: "echo" })).toEqual({ kind: "echo", token: null, tokenProblem: null });
  });

  test("asks an endpoint what it is", async () => {
    await using server = await startOpenaiServer();
    expect(await find({ ...auto, endpoint: server.url })).toMatchObject({
      kind: "openai",
      endpoint: server.url,
    });
    await expect(find({ ...auto, endpoint: "127.0.0.1:1" })).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
    });
  });

  test("takes the kind that is given without asking", async () => {
    const wish = { kind: "openai", endpoint: "127.0.0.1:1", model: null, sessions: "auto" } as const;
    expect(await find({ ...wish, token: toSecret("key") })).toMatchObject({ ...wish, token: "key" });
  });

  test("knows the token of this machine's gateway, however its address is written", async () => {
    for (const endpoint of [running, `localhost:${gateway.port}`, `http://${running}/`]) {
      expect(await find({ kind: "openclaw", endpoint, token: null })).toMatchObject({
        endpoint,
        token: "own",
      });
    }
  });

  test("keeps the token of this machine's gateway from every other address", async () => {
    const wish = { kind: "openclaw", endpoint: "127.0.0.1:1", token: null } as const;
    expect(await find(wish)).toMatchObject({ token: null });
  });

  test("uses OpenClaw's own address when it is named and does not run yet", async () => {
    await writeConfig(1);
    expect(await find({ kind: "openclaw", endpoint: null, token: null })).toMatchObject({
      endpoint: "ws://127.0.0.1:1",
      token: "own",
    });
  });

  test("says what it needs to be told", async () => {
    const openai = { kind: "openai", endpoint: null, token: null, model: null, sessions: "auto" } as const;
    await expect(find(openai)).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
      hint: expect.stringContaining("--gateway-endpoint"),
    });
    const acp = { kind: "acp", command: null, cwd: null, env: {}, approvals: "deny" } as const;
    await expect(find(acp)).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
      hint: expect.stringContaining("--runtime-command"),
    });
  });
});
