import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { toSecret } from "../../src/protocol/secret.ts";
import {
  type FindDeps,
  type FoundRuntime,
  findRuntime,
  type RuntimeWish,
} from "../../src/provision/index.ts";
import { createFakeMachine } from "../support/fake-machine.ts";
import { hermesRoutes, productRoutes, serveRoutes } from "../support/local-servers.ts";
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
    message: (_, message) => void sent.push(String(message)),
  },
});
/** What the gateway was sent. */
const sent: string[] = [];
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

const deps = (more: Partial<FindDeps> = {}): FindDeps => ({
  env: { HOME: home, PATH: "" },
  dataDir: join(home, ".claw-mesh"),
  fetch: createFetch({ env: {} }),
  clock: systemClock,
  random: systemRandom,
  servers: [],
  gatewayPorts: { openclaw: 1, zeroclaw: 1 },
  ...more,
});
const auto = {
  kind: "auto",
  endpoint: null,
  token: null,
  model: null,
  approvals: "deny",
  autoDiscover: true,
} as const satisfies RuntimeWish;
/** What is found, with the token as text. */
const find = async (wish: RuntimeWish, more: Partial<FindDeps> = {}) =>
  withText(await findRuntime(wish, deps(more)));
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
      checksOwner: true,
    } as const;
    expect(await find(auto)).toEqual(found);
  });

  test("finds nothing when the gateway does not run", async () => {
    await writeConfig(1);
    await expect(find(auto)).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
      message: expect.stringContaining("its gateway does not answer at ws://127.0.0.1:1"),
      hint: "claw-mesh runtime install openclaw",
    });
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

  test("finds the server of a runtime that was named without its address, with its own key", async () => {
    await using ollama = serveRoutes(productRoutes.ollama);
    const openai = { kind: "openai", endpoint: null, token: null, model: "qwen", sessions: "auto" } as const;
    const servers = [{ port: ollama.port, products: [] }];
    expect(await find(openai, { servers })).toMatchObject({
      kind: "openai",
      endpoint: `http://127.0.0.1:${ollama.port}`,
      model: "qwen",
    });
    await expect(find(openai)).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
      hint: expect.stringContaining("--gateway-endpoint"),
    });
  });

  test("finds the agent of acp, or says what it lacks", async () => {
    const acp = { kind: "acp", command: null, cwd: null, env: {}, approvals: "deny" } as const;
    await using machine = await createFakeMachine();
    const { env } = machine.deps();
    await expect(find(acp, { env, home: machine.home })).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
    await machine.addProgram("claude", "exit 1");
    await expect(find(acp, { env, home: machine.home })).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
      message: expect.stringContaining("claude is here without claude-agent-acp"),
      hint: "npm install -g @agentclientprotocol/claude-agent-acp",
    });
    const gemini = await machine.addProgram("gemini", "exit 1");
    expect(await find(acp, { env, home: machine.home })).toMatchObject({ command: [gemini, "--acp"] });
  });

  test("knows ZeroClaw's own address, whether it runs or not", async () => {
    const zeroclaw = {
      kind: "zeroclaw",
      endpoint: null,
      token: null,
      agent: null,
      approvals: "deny",
      via: "auto",
    } as const;
    expect(await find(zeroclaw)).toMatchObject({ endpoint: "http://127.0.0.1:1" });
    await Bun.write(join(home, ".zeroclaw", "config.toml"), "[gateway]\nport = 2\n");
    expect(await find(zeroclaw)).toMatchObject({ endpoint: "http://127.0.0.1:2" });
    await rm(join(home, ".zeroclaw"), { recursive: true });
  });
});

describe("choosing by itself", () => {
  const chosen = async (more: Partial<FindDeps>) => await findRuntime(auto, deps(more));

  test("takes what is ready before a configuration whose program is gone, and says so", async () => {
    await using ollama = serveRoutes(productRoutes.ollama);
    await writeConfig(1);
    const found = await chosen({ servers: [{ port: ollama.port, products: [] }] });
    expect(found.settings).toEqual({
      kind: "openai",
      endpoint: `http://127.0.0.1:${ollama.port}`,
      token: null,
      model: null,
      sessions: "auto",
    });
    expect(found.choice).toContain(
      `using Ollama 0.12.3 at http://127.0.0.1:${ollama.port}, the only one that is ready`,
    );
    expect(found.choice).toContain("passed over: OpenClaw");
  });

  test("takes an OpenClaw that is set up and stopped before a server, and says how to have that", async () => {
    await using machine = await createFakeMachine();
    await using ollama = serveRoutes(productRoutes.ollama);
    await machine.addProgram("openclaw", "exit 1");
    const config = { gateway: { port: 1, auth: { token: "own" } } };
    await machine.addFile(".openclaw/openclaw.json", JSON.stringify(config));
    const { env } = machine.deps();
    const found = await chosen({ env, home: machine.home, servers: [{ port: ollama.port, products: [] }] });
    expect(withText(found)).toMatchObject({
      kind: "openclaw",
      endpoint: "ws://127.0.0.1:1",
      token: "own",
      checksOwner: true,
    });
    expect(found.choice).toContain("set up here and does not run yet");
    expect(found.choice).toContain("to use Ollama instead: --runtime openai");
  });

  test("gives the token of the operator to no server that happens to be there", async () => {
    await using stranger = serveRoutes(productRoutes.plain);
    await writeConfig(1);
    const wish = { ...auto, token: toSecret("given") };
    const found = await findRuntime(wish, deps({ servers: [{ port: stranger.port, products: [] }] }));
    expect(withText(found)).toMatchObject({ kind: "openai", token: null });
    expect(stranger.seen.join(" ")).not.toContain("given");
  });

  test("gives a token that was given to OpenClaw before that of its files", async () => {
    expect(await find({ ...auto, token: toSecret("given") })).toMatchObject({
      kind: "openclaw",
      token: "given",
    });
  });

  test("gives no token to what greets where OpenClaw was never set up", async () => {
    await using machine = await createFakeMachine();
    const gatewayPorts = { openclaw: gateway.port ?? 0, zeroclaw: 1 };
    sent.length = 0;
    for (const token of [null, toSecret("given")]) {
      const env = { ...machine.deps().env, OPENCLAW_GATEWAY_TOKEN: "of-the-environment" };
      const more = { env, home: machine.home, gatewayPorts };
      const found = withText(await findRuntime({ ...auto, token }, deps(more)));
      expect(found).toMatchObject({ kind: "openclaw", token: null });
      expect(found.tokenProblem).toContain("--runtime openclaw --gateway-endpoint");
    }
    expect(sent).not.toBeEmpty();
    expect(sent.join(" ")).not.toMatch(/given|of-the-environment/);
  });

  test("takes an agent of PATH before a model server", async () => {
    await using machine = await createFakeMachine();
    await using ollama = serveRoutes(productRoutes.ollama);
    const bridge = await machine.addProgram("claude-agent-acp", "exit 1");
    const { env } = machine.deps();
    const found = await chosen({ env, home: machine.home, servers: [{ port: ollama.port, products: [] }] });
    expect(found.settings).toEqual({ kind: "acp", command: [bridge], cwd: null, env: {}, approvals: "deny" });
    expect(found.choice).toContain("Ollama 0.12.3");
  });

  test("takes the key of a server's own files along, and tells nobody", async () => {
    await using hermes = serveRoutes(hermesRoutes("own-key"));
    await using machine = await createFakeMachine();
    await machine.addFile(".hermes/config.yaml", "");
    const env = { API_SERVER_PORT: String(hermes.port), API_SERVER_KEY: "own-key", PATH: "" };
    const found = await findRuntime({ ...auto, token: null }, deps({ env, home: machine.home }));
    expect(found.settings).toMatchObject({
      kind: "openai",
      endpoint: `http://127.0.0.1:${hermes.port}`,
      checksOwner: true,
    });
    expect("token" in found.settings && found.settings.token?.reveal()).toBe("own-key");
    expect(found.choice).not.toContain("own-key");
  });
});
