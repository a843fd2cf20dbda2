import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { toSecret } from "../../src/protocol/secret.ts";
import { type GatewayProbeDeps, probeGatewayKind } from "../../src/runtimes/gateway-probe.ts";
import { startOpenaiServer } from "../support/openai-server.ts";
import { startZeroclawRig } from "../support/zeroclaw/rig.ts";

const deps: GatewayProbeDeps = { fetch: createFetch({ env: {} }), clock: systemClock };
const probe = (endpoint: string, token: string | null = null) =>
  probeGatewayKind(endpoint, toSecret(token), deps);

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface FakeGateway {
  /** The first text of a WebSocket; null: no WebSocket is taken. */
  readonly greeting: string | null;
  readonly answers: Readonly<Record<string, object>>;
}

/** A gateway with a web page on every other path, as the real ones have. */
function startGateway({ greeting, answers }: FakeGateway): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, self) => {
      if (greeting !== null && self.upgrade(request)) return undefined;
      const answer = answers[new URL(request.url).pathname];
      if (answer !== undefined) return Response.json(answer);
      return new Response("<html></html>", { headers: { "content-type": "text/html" } });
    },
    websocket: { open: (socket) => void socket.send(greeting ?? ""), message: () => {} },
  });
  stops.push(() => server.stop(true));
  return `127.0.0.1:${server.port}`;
}

const challenge = JSON.stringify({
  type: "event",
  event: "connect.challenge",
  payload: { nonce: "n", ts: 1 },
});

describe("what answers at a gateway's address", () => {
  test("is OpenClaw when a WebSocket is greeted with its challenge", async () => {
    const answers = { "/health": { ok: true, status: "live" } };
    const endpoint = startGateway({ greeting: challenge, answers });
    expect(await probe(endpoint)).toBe("openclaw");
    expect(await probe(`ws://${endpoint}`)).toBe("openclaw");
    expect(await probe(`http://${endpoint}`)).toBe("openclaw");
  });

  test("is OpenClaw even when its OpenAI endpoint is enabled", async () => {
    const answers = { "/v1/models": { data: [{ id: "openclaw" }] } };
    expect(await probe(startGateway({ greeting: challenge, answers }))).toBe("openclaw");
  });

  test("is ZeroClaw when its health tells about pairing", async () => {
    const answers = { "/health": { status: "ok", paired: false, require_pairing: true } };
    expect(await probe(startGateway({ greeting: null, answers }))).toBe("zeroclaw");
  });

  test.each(["0.8", "0.6", "0.1", "tinyclaw"] as const)(
    "is ZeroClaw %s, as the protocol server speaks it",
    async (profile) => {
      await using rig = await startZeroclawRig({ knobs: { profile } });
      expect(await probe(rig.gateway.url)).toBe("zeroclaw");
    },
  );

  test("is an OpenAI-compatible server when it lists models", async () => {
    await using server = await startOpenaiServer();
    expect(await probe(server.url)).toBe("openai");
    expect(await probe(`${server.url}/v1`)).toBe("openai");
  });

  test("is an OpenAI-compatible server when it asks for a key in that API's words", async () => {
    await using server = await startOpenaiServer({ apiKey: "right" });
    expect(await probe(server.url)).toBe("openai");
    expect(await probe(server.url, "right")).toBe("openai");
  });

  test("is not decided by pages with status 200", async () => {
    const answers = {
      "/v1/models": { hello: "world" },
      "/health": { ok: true },
    };
    const endpoint = startGateway({ greeting: "hello", answers });
    await expect(probe(endpoint)).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
      message: `What answers at http://${endpoint} is no runtime that is known.`,
      hint: expect.stringContaining("--runtime"),
    });
  });

  test("is nothing when nothing listens there", async () => {
    await expect(probe("127.0.0.1:1")).rejects.toMatchObject({
      code: "RUNTIME_NOT_FOUND",
      message: "Nothing answers at http://127.0.0.1:1.",
    });
  });

  test("is given up when it takes connections and says nothing", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    stops.push(() => Promise.resolve(listener.stop(true)));
    const hurried = {
      ...systemClock,
      after: (_: number, callback: () => void) => systemClock.after(50, callback),
    };
    const probing = probeGatewayKind(`127.0.0.1:${listener.port}`, null, { ...deps, clock: hurried });
    await expect(probing).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
  });
});
