import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type DetectDeps, type DetectedRuntime, detectRuntimes } from "../../src/provision/index.ts";
import { createFakeMachine, type FakeMachine } from "../support/fake-machine.ts";
import {
  hermesRoutes,
  type LocalServer,
  productRoutes,
  type Routes,
  serveRoutes,
} from "../support/local-servers.ts";
import { readConfig } from "../support/zeroclaw/config.ts";
import { startZeroclawGateway } from "../support/zeroclaw/gateway.ts";

let machine: FakeMachine;
beforeEach(async () => {
  machine = await createFakeMachine();
});
afterEach(() => machine[Symbol.asyncDispose]());

const detect = (ports: readonly number[] = [], more: Partial<DetectDeps> = {}) =>
  detectRuntimes(machine.deps(ports, more));
const detectOne = async (routes: Routes, more: Partial<DetectDeps> = {}) => {
  await using server = serveRoutes(routes);
  return (await detect([server.port], more))[0];
};
const brief = ({ kind, product, state }: DetectedRuntime) => `${kind} ${product} ${state}`;

describe("a machine with nothing", () => {
  test("has no runtime, and is done with at once", async () => {
    const begun = performance.now();
    expect(await detect()).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe("OpenAI-compatible servers", () => {
  const products: readonly (readonly [name: string, routes: Routes, version: string | null])[] = [
    ["Ollama", productRoutes.ollama, "0.12.3"],
    ["LM Studio", productRoutes.lmStudio, null],
    ["vLLM", productRoutes.vllm, "0.11.0"],
    ["llama.cpp", productRoutes.llamaCpp, "b6000-abc1234"],
    ["nanobot", productRoutes.nanobot, null],
    ["OpenAI-compatible server", productRoutes.plain, null],
  ];
  for (const [product, routes, version] of products) {
    test(`are told apart: ${product}`, async () => {
      expect(await detectOne(routes)).toMatchObject({ kind: "openai", product, version, state: "ready" });
    });
  }

  test("are told apart whatever their port is, agents first", async () => {
    await using ollama = serveRoutes(productRoutes.ollama);
    await using nanobot = serveRoutes(productRoutes.nanobot);
    const found = await detect([ollama.port, nanobot.port]);
    expect(found.map(brief)).toEqual(["openai nanobot ready", "openai Ollama ready"]);
    expect(found[1]).toMatchObject({
      endpoint: `http://127.0.0.1:${ollama.port}`,
      foundBy: `answers at 127.0.0.1:${ollama.port}`,
    });
  });

  test("get the key of their own file, and no other", async () => {
    await using hermes = serveRoutes(hermesRoutes("hermes-key"));
    await using ollama = serveRoutes(productRoutes.ollama);
    await machine.addFile(".hermes/.env", `API_SERVER_KEY="hermes-key"\nAPI_SERVER_PORT=${hermes.port}\n`);
    const found = await detect([ollama.port]);
    expect(found.map(brief)).toEqual(["openai Hermes Agent ready", "openai Ollama ready"]);
    expect(found[0]).toMatchObject({
      version: "0.19.2",
      foundBy: `configuration ${machine.home}/.hermes/.env`,
    });
    expect(found[0]?.token?.reveal()).toBe("hermes-key");
    expect(hermes.seen).toContain("GET /v1/models Bearer hermes-key");
    expect(hermes.seen).toContain("GET /health");
    expect(ollama.seen.join(" ")).not.toContain("Bearer");
  });

  test("get the key of Hermes only when they say that they are Hermes", async () => {
    await using stranger = serveRoutes(productRoutes.plain);
    await machine.addFile(".hermes/.env", `API_SERVER_KEY=hermes-key\nAPI_SERVER_PORT=${stranger.port}\n`);
    const found = await detect();
    expect(found).toMatchObject([{ product: "OpenAI-compatible server", token: null }]);
    expect(stranger.seen.join(" ")).not.toContain("hermes-key");
  });

  test("get no key of variables that mean something else where there is no Hermes", async () => {
    await using hermes = serveRoutes(hermesRoutes("key"));
    const env = { API_SERVER_KEY: "key", API_SERVER_PORT: String(hermes.port) };
    expect(await detect([], { env })).toEqual([]);
    expect((await detect([hermes.port], { env })).map(brief)).toEqual(["openai Hermes Agent not_ready"]);
    expect(hermes.seen.join(" ")).not.toContain("Bearer");
  });

  test("whose owners are words of the language are nobody's in particular", async () => {
    const list = {
      data: [
        { id: "m", owned_by: "constructor" },
        { id: "n", owned_by: "__proto__" },
      ],
    };
    expect(await detectOne({ "/v1/models": list })).toMatchObject({
      product: "OpenAI-compatible server",
      state: "ready",
    });
  });

  test("that ask for a key are known and not ready", async () => {
    const found = await detectOne(hermesRoutes("unknown"));
    expect(found).toMatchObject({
      product: "Hermes Agent",
      state: "not_ready",
      problem: { message: "it asks for a key" },
    });
    expect(found?.problem?.remedy).toContain("--gateway-token");
  });

  test("that refuse the key of their own file are not ready", async () => {
    await using hermes = serveRoutes(hermesRoutes("new"));
    await machine.addFile(".hermes/.env", `API_SERVER_KEY=old\nAPI_SERVER_PORT=${hermes.port}\n`);
    expect(JSON.stringify(await detect())).toContain("it refuses the key of its configuration");
    expect(JSON.stringify(await detect())).not.toContain('"old"');
  });

  test("of nanobot are found where its configuration says", async () => {
    await using server = serveRoutes(productRoutes.nanobot);
    const config = { api: { port: server.port, apiKey: `\${NANO_KEY}` } };
    await machine.addFile(".nanobot/config.json", JSON.stringify(config));
    const found = await detect([], { env: { NANO_KEY: "nano" } });
    expect(found.map(brief)).toEqual(["openai nanobot ready"]);
    expect(server.seen).toContain("GET /v1/models Bearer nano");
  });

  test("of Ollama are found where OLLAMA_HOST says, on this machine only", async () => {
    await using server = serveRoutes(productRoutes.ollama);
    for (const host of [
      `127.0.0.1:${server.port}`,
      `http://localhost:${server.port}`,
      `0.0.0.0:${server.port}`,
    ]) {
      expect((await detect([], { env: { OLLAMA_HOST: host } })).map(brief)).toEqual(["openai Ollama ready"]);
    }
    expect(await detect([], { env: { OLLAMA_HOST: `192.0.2.1:${server.port}` } })).toEqual([]);
  });

  test("without a model to chat with are not ready", async () => {
    const routes = { ...productRoutes.ollama, "/v1/models": { object: "list", data: [] } };
    expect(await detectOne(routes)).toMatchObject({
      product: "Ollama",
      state: "not_ready",
      problem: { message: "it lists no models" },
    });
  });
});

describe("what else listens on those ports", () => {
  const page = () =>
    new Response("<!doctype html><title>app</title>", { headers: { "content-type": "text/html" } });
  const others: readonly (readonly [name: string, start: () => LocalServer | Promise<LocalServer>])[] = [
    ["a web page on every path", () => serveRoutes({}, page)],
    ["an API with an empty list", () => serveRoutes({ "/v1/models": { data: [] } })],
    ["an API with other things", () => serveRoutes({ "/v1/models": { data: [{ name: "Corsa" }] } })],
    [
      "an API that wants a login",
      () => serveRoutes({}, () => Response.json({ message: "no" }, { status: 401 })),
    ],
    [
      "JSON that is none",
      () => serveRoutes({}, () => new Response("{", { headers: { "content-type": "application/json" } })),
    ],
    ["deep JSON", () => serveRoutes({}, () => new Response("[".repeat(100_000)))],
    [
      "an answer that grows by unpacking",
      () => serveRoutes({}, () => new Response(packed, { headers: { "content-encoding": "gzip" } })),
    ],
    ["errors", () => serveRoutes({}, () => new Response("oops", { status: 500 }))],
    ["a body without end", () => serveRoutes({}, () => new Response(endless(1024 * 1024, 0)))],
    ["a body that drips", () => serveRoutes({}, () => new Response(endless(1, 200)))],
    [
      "a server that never answers",
      () => serveRoutes({ "/v1/models": () => new Promise<Response>(() => {}) }),
    ],
    ["a server that hangs up", () => serveRaw((socket) => socket.end())],
    ["another protocol", () => serveRaw((socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"))],
    ["garbage", () => serveRaw((socket) => socket.write(new Uint8Array(4096).fill(255)))],
  ];

  test("is no runtime, disturbs nothing, and costs no more than the limit", async () => {
    const servers = await Promise.all(others.map(([, start]) => start()));
    await using ollama = serveRoutes(productRoutes.ollama);
    const before = process.memoryUsage.rss();
    const begun = performance.now();
    const found = await detect([...servers.map(({ port }) => port), ollama.port]);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024);
    expect(found.map(brief)).toEqual(["openai Ollama ready"]);
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });

  test("cannot lead a question elsewhere", async () => {
    await using elsewhere = serveRoutes(productRoutes.ollama);
    const redirect = () => Response.redirect(`http://127.0.0.1:${elsewhere.port}/v1/models`, 302);
    await using server = serveRoutes({}, redirect);
    expect(await detect([server.port])).toEqual([]);
    expect(elsewhere.seen).toEqual([]);
  });

  test("is no ZeroClaw and no OpenClaw either", async () => {
    for (const [, start] of others) {
      await using server = await start();
      const gatewayPorts = { openclaw: server.port, zeroclaw: server.port };
      expect(await detect([], { gatewayPorts })).toEqual([]);
    }
  }, 60_000);
});

describe("OpenClaw", () => {
  test("that was never set up is stopped, with how to set it up", async () => {
    const program = await machine.addProgram("openclaw", 'echo "OpenClaw 2026.9.6 (abc)"');
    const [openclaw] = await detect();
    expect(openclaw).toMatchObject({
      kind: "openclaw",
      version: "2026.9.6",
      program,
      endpoint: null,
      state: "stopped",
      problem: { message: "it was never set up", remedy: "claw-mesh runtime install openclaw" },
      foundBy: `program ${program}`,
    });
  });

  test("has the version of its package where its program does not run with the Node.js of PATH", async () => {
    const folder = ".local/lib/node_modules/openclaw";
    const about = { name: "openclaw", version: "2026.9.6", bin: { openclaw: "openclaw.mjs" } };
    await machine.addFile(`${folder}/package.json`, JSON.stringify(about));
    await machine.addFile(`${folder}/openclaw.mjs`, "#!/bin/sh\nexit 1\n");
    await chmod(join(machine.home, folder, "openclaw.mjs"), 0o755);
    await machine.addFile(".local/bin/keep", "");
    await symlink(`../lib/node_modules/openclaw/openclaw.mjs`, join(machine.home, ".local/bin/openclaw"));
    await machine.addProgram("node", "echo v24.16.0");
    expect((await detect())[0]).toMatchObject({ kind: "openclaw", version: "2026.9.6", state: "stopped" });
  });

  test("whose gateway is not running is stopped, with how to start it", async () => {
    await machine.addProgram("openclaw", "echo 2026.9.6");
    await machine.addFile(".openclaw/openclaw.json", "{ gateway: { port: 1, auth: { token: 'mine' } } }");
    const [openclaw] = await detect();
    expect(openclaw).toMatchObject({
      endpoint: "ws://127.0.0.1:1",
      state: "stopped",
      problem: { remedy: "claw-mesh runtime start openclaw" },
      foundBy: `configuration ${machine.home}/.openclaw/openclaw.json`,
    });
    expect(openclaw?.token?.reveal()).toBe("mine");
  });

  test("whose program is gone is stopped, with how to install it", async () => {
    await machine.addFile(".openclaw/openclaw.json", "{ gateway: { port: 1 } }");
    expect((await detect())[0]).toMatchObject({
      program: null,
      state: "stopped",
      problem: { remedy: "claw-mesh runtime install openclaw" },
    });
  });

  test("is looked for in the state directory of its variables and profile", async () => {
    await machine.addFile("elsewhere/openclaw.json", "{ gateway: { port: 2 } }");
    await machine.addFile(".openclaw-work/openclaw.json", "{ gateway: { port: 3 } }");
    const endpointWith = async (env: Readonly<Record<string, string>>) =>
      (await detect([], { env }))[0]?.endpoint;
    expect(await endpointWith({ OPENCLAW_STATE_DIR: join(machine.home, "elsewhere") })).toBe(
      "ws://127.0.0.1:2",
    );
    expect(await endpointWith({ OPENCLAW_PROFILE: "work" })).toBe("ws://127.0.0.1:3");
  });

  test("that greets and then says nothing is not ready", async () => {
    const greeting = JSON.stringify({ type: "event", event: "connect.challenge", payload: { nonce: "n" } });
    const gateway = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("page")),
      websocket: { open: (socket) => void socket.send(greeting), message: () => {} },
    });
    const gatewayPorts = { openclaw: gateway.port ?? 0, zeroclaw: 1 };
    const [openclaw] = await detect([], { gatewayPorts });
    await gateway.stop(true);
    expect(openclaw).toMatchObject({ kind: "openclaw", state: "not_ready", program: null });
    expect(openclaw?.problem?.remedy).toContain("--gateway-token");
  });
});

describe("ZeroClaw", () => {
  const config = (port: number) => `schema_version = 3\n[gateway]\nport = ${port}\n`;

  test("that runs is found by the port of its configuration", async () => {
    await machine.addProgram("zeroclaw", "echo zeroclaw 0.8.4");
    await using gateway = await startZeroclawGateway({ config: readConfig(config(0)) });
    await machine.addFile("claw/config.toml", config(gateway.port));
    const [zeroclaw] = await detect([], { env: { ZEROCLAW_CONFIG_DIR: join(machine.home, "claw") } });
    expect(zeroclaw).toMatchObject({
      kind: "zeroclaw",
      version: "0.8.4",
      endpoint: `http://127.0.0.1:${gateway.port}`,
      state: "ready",
      problem: null,
      foundBy: `configuration ${machine.home}/claw/config.toml`,
    });
  });

  test("that does not run is stopped, with how to start it", async () => {
    await machine.addProgram("zeroclaw", "echo zeroclaw 0.8.4");
    expect((await detect())[0]?.problem?.remedy).toBe("claw-mesh runtime install zeroclaw");
    await machine.addFile(".zeroclaw/config.toml", `${config(1)}path_prefix = "claw/"\n`);
    expect((await detect())[0]).toMatchObject({
      endpoint: "http://127.0.0.1:1/claw",
      state: "stopped",
      problem: { remedy: "claw-mesh runtime start zeroclaw" },
    });
  });

  test("with a configuration that nobody can read is stopped", async () => {
    await machine.addFile(".zeroclaw/config.toml", "]]] not toml");
    expect((await detect())[0]).toMatchObject({ kind: "zeroclaw", state: "stopped" });
  });
});

describe("ACP agents", () => {
  /** Leaves a file behind when it is started for anything but its version. */
  const careful = (name: string) =>
    `if [ "$1" = --version ]; then echo "${name} 1.2.3"; else : > "$HOME/started-${name}"; fi`;

  test("are found by their programs, and not started", async () => {
    for (const name of ["claude-agent-acp", "codex-acp", "gemini", "opencode", "goose"]) {
      await machine.addProgram(name, careful(name));
    }
    const found = await detect();
    expect(found.map(({ product, version, state }) => [product, version, state])).toEqual([
      ["Claude Code (ACP)", null, "ready"],
      ["Codex (ACP)", null, "ready"],
      ["Gemini CLI (ACP)", "1.2.3", "ready"],
      ["OpenCode (ACP)", "1.2.3", "ready"],
      ["goose (ACP)", "1.2.3", "ready"],
    ]);
    expect(found[2]?.command).toEqual([join(machine.bin, "gemini"), "--acp"]);
    expect((await readdir(machine.home)).filter((file) => file.startsWith("started"))).toEqual([]);
  });

  test("are not asked for their versions where that is not wanted", async () => {
    await machine.addProgram("gemini", ': > "$HOME/started-gemini"; echo 1.2.3');
    expect(await detect([], { asksVersions: false })).toMatchObject([{ version: null, state: "ready" }]);
    expect(await readdir(machine.home)).not.toContain("started-gemini");
  });

  test("whose bridge is missing are told with the command that installs it", async () => {
    await machine.addProgram("claude", careful("claude"));
    await machine.addProgram("codex", careful("codex"));
    const found = await detect();
    expect(found.map(({ product, state, problem }) => [product, state, problem?.remedy])).toEqual([
      ["Claude Code (ACP)", "not_ready", "npm install -g @agentclientprotocol/claude-agent-acp"],
      ["Codex (ACP)", "not_ready", "npm install -g @agentclientprotocol/codex-acp"],
    ]);
    expect(found[0]?.command).toBeNull();
  });

  test("that lead to a gateway are as ready as that is", async () => {
    await machine.addProgram("openclaw", "echo 2026.9.6");
    await machine.addProgram("zeroclaw", "echo 0.8.4");
    expect((await detect()).map(brief)).toEqual([
      "openclaw OpenClaw stopped",
      "zeroclaw ZeroClaw stopped",
      "acp OpenClaw (ACP) stopped",
      "acp ZeroClaw (ACP) stopped",
    ]);
    await machine.addFile(".zeroclaw/config.toml", "schema_version = 3\n[gateway]\nport = 1\n");
    expect((await detect()).map(brief)).toContain("acp ZeroClaw (ACP) ready");
  });

  test("are found in the folders of a user's own programs, too", async () => {
    await machine.addFile(".local/bin/gemini", "#!/bin/sh\necho 1.2.3\n");
    await chmod(join(machine.home, ".local/bin/gemini"), 0o755);
    expect((await detect()).map(brief)).toEqual(["acp Gemini CLI (ACP) ready"]);
  });
});

/** 256 MiB of a list of models. */
const packed = Bun.gzipSync(
  new TextEncoder().encode(`{"data":[{"id":"m"}]}${" ".repeat(256 * 1024 * 1024)}`),
);

function endless(pieceBytes: number, everyMs: number): ReadableStream<Uint8Array> {
  const piece = new Uint8Array(pieceBytes).fill(97);
  return new ReadableStream({
    pull: async (controller) => {
      await Bun.sleep(everyMs);
      controller.enqueue(piece);
    },
  });
}

function serveRaw(onOpen: (socket: Bun.Socket) => void): LocalServer {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: onOpen, data: () => undefined },
  });
  return {
    port: listener.port,
    seen: [],
    [Symbol.asyncDispose]: async () => listener.stop(true),
  };
}
