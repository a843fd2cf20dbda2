import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../support/temp-dir.ts";
import { writeZeroclawProgram } from "../../support/zeroclaw/archive.ts";
import { type RigOptions, startZeroclawRig, type ZeroclawRig } from "../../support/zeroclaw/rig.ts";

/** What the other tests rely on: that the protocol server does as ZeroClaw 0.8.4. */
const startRig = (options: RigOptions = {}) =>
  startZeroclawRig({ ...options, gateway: { require_pairing: false, ...options.gateway } });

const post = (rig: ZeroclawRig, path: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`${rig.gateway.url}${path}`, { method: "POST", body, headers });

type Frame = Readonly<Record<string, unknown>>;

/** A socket of the chat with all frames that came. */
async function openChat(rig: ZeroclawRig, query = "agent=default&session_id=one") {
  const frames: Frame[] = [];
  let told: (() => void)[] = [];
  const socket = new WebSocket(`${rig.gateway.url.replace("http", "ws")}/ws/chat?${query}`);
  socket.addEventListener("message", ({ data }) => {
    frames.push(JSON.parse(String(data)));
    for (const tell of told.splice(0)) tell();
  });
  const next = async (type: string): Promise<Frame> => {
    for (;;) {
      const frame = frames.find((candidate) => candidate.type === type);
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        told = [...told, resolve];
      });
    }
  };
  const say = (content: string) => socket.send(JSON.stringify({ type: "message", content }));
  await next("session_start");
  return { socket, frames, next, say, send: (frame: object) => socket.send(JSON.stringify(frame)) };
}

describe("the chat of the protocol server", () => {
  test("takes a second message on a running turn as steering", async () => {
    await using rig = await startRig();
    const chat = await openChat(rig);
    chat.say("slow: first");
    await chat.next("chunk");
    chat.say("second");
    chat.say("");
    expect((await chat.next("error")).code).toBe("EMPTY_CONTENT");
    expect(rig.gateway.seen.steering).toEqual(["second"]);
    expect(rig.model.requests).toHaveLength(1);
  });

  test("lets eight messages wait for a session, and no more", async () => {
    await using rig = await startRig();
    const first = await openChat(rig);
    first.say("slow: first");
    await first.next("chunk");
    const waiting = await Promise.all(Array.from({ length: 8 }, () => openChat(rig)));
    for (const chat of waiting) chat.say("slow: more");
    const ninth = await openChat(rig);
    ninth.say("ninth");
    expect((await ninth.next("error")).code).toBe("SESSION_QUEUE_FULL");
  });

  test("denies a tool by itself when nobody answers in time", async () => {
    await using rig = await startRig({ knobs: { approvalTimeoutMs: 50 } });
    const chat = await openChat(rig);
    chat.say('<tool_call>{"name":"shell","arguments":{}}</tool_call>');
    expect(await chat.next("approval_request")).toMatchObject({ tool: "shell", timeout_secs: 0.05 });
    expect((await chat.next("tool_result")).output).toBe("Denied by user.");
    expect(await chat.next("done")).toHaveProperty("full_response");
  });

  test("ends a turn with its socket, and by the call that aborts it", async () => {
    await using rig = await startRig();
    const chat = await openChat(rig);
    chat.say("slow: first");
    await chat.next("chunk");
    const answer = await post(rig, "/api/sessions/gw_one/abort", "");
    expect(await answer.json()).toEqual({ status: "aborted" });
    await chat.next("aborted");
    const again = await post(rig, "/api/sessions/one/abort", "");
    expect(await again.json()).toEqual({ status: "no_active_response" });
    chat.frames.length = 0;
    chat.say("slow: second");
    await chat.next("chunk");
    chat.socket.close();
    await rig.model.firstAbort;
  });

  test("wants a frame that it knows, and an agent", async () => {
    await using rig = await startRig();
    const chat = await openChat(rig);
    chat.send({ type: "connect", device_name: "heron" });
    await chat.next("connected");
    chat.send({ type: "hello" });
    expect((await chat.next("error")).code).toBe("UNKNOWN_MESSAGE_TYPE");
    for (const query of ["", "?agent=", "?agent=nobody"]) {
      expect((await fetch(`${rig.gateway.url}/ws/chat${query}`)).status).toBe(400);
    }
  });
});

describe("the calls of the protocol server", () => {
  test("tell a wrong code by 403 at /pair and by 400 at /api/pair, and lock out after five", async () => {
    await using rig = await startRig({ gateway: { require_pairing: true } });
    const wrong = JSON.stringify({ code: "no code" });
    expect((await post(rig, "/pair", "", { "x-pairing-code": "no code" })).status).toBe(403);
    for (let count = 0; count < 4; count++) expect((await post(rig, "/api/pair", wrong)).status).toBe(400);
    const locked = await post(rig, "/api/pair", wrong);
    expect(locked.status).toBe(429);
    expect(await locked.json()).toMatchObject({ retry_after: 300 });
  });

  test("check the webhook's token before its body, and its agent before its key", async () => {
    await using rig = await startRig({ gateway: { require_pairing: true, paired_tokens: ["zc_good"] } });
    const good = { authorization: "Bearer zc_good" };
    expect((await post(rig, "/webhook", "no JSON")).status).toBe(401);
    expect((await post(rig, "/webhook", "no JSON", good)).status).toBe(400);
    const body = JSON.stringify({ message: "hello" });
    const keyed = { ...good, "x-idempotency-key": "one" };
    expect((await post(rig, "/webhook?agent=nobody", body, keyed)).status).toBe(400);
    expect(await (await post(rig, "/webhook", body, keyed)).json()).toMatchObject({
      response: "You said: hello",
    });
    expect(await (await post(rig, "/webhook", body, keyed)).json()).toMatchObject({ status: "duplicate" });
  });

  test("answer every unknown path with a page, and take no more than 64 KiB", async () => {
    await using rig = await startRig();
    const page = await fetch(`${rig.gateway.url}/v1/models`);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html"]);
    expect((await post(rig, "/v1/chat/completions", "{}")).status).toBe(405);
    expect((await post(rig, "/webhook", "a".repeat(65_537))).status).toBe(413);
  });
});

describe("the program of the protocol server", () => {
  async function startProgram(folder: string, config: string, args: readonly string[] = []) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.toml"), config);
    await writeZeroclawProgram(join(folder, "zeroclaw"));
    const command = [join(folder, "zeroclaw"), "--config-dir", folder, "gateway", "start", ...args];
    return Bun.spawn(command, { env: { HOME: folder }, stdout: "pipe", stderr: "pipe" });
  }
  const firstLine = async (stream: ReadableStream<Uint8Array>) => {
    for await (const bytes of stream.values({ preventCancel: true })) return new TextDecoder().decode(bytes);
    return "";
  };

  test("listens, keeps its port, and ends with SIGTERM", async () => {
    await using dir = await createTempDir();
    const first = await startProgram(dir.path, "schema_version = 3\n", ["-p", "0"]);
    const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(await firstLine(first.stdout))?.[1] ?? "";
    const health = await fetch(`http://127.0.0.1:${port}/health`);
    expect(await health.json()).toMatchObject({ require_pairing: true, runtime: { pid: first.pid } });
    const second = await startProgram(join(dir.path, "second"), "schema_version = 3\n", ["-p", port]);
    expect(await second.exited).toBe(1);
    expect(await second.stderr.text()).toContain("already in use");
    first.kill("SIGTERM");
    expect(await first.exited).toBe(0);
  });

  test.each([
    ["is no TOML", "schema_version = "],
    [
      "has a section of security that cannot be read",
      'schema_version = 3\n[gateway]\nrequire_pairing = "yes"\n',
    ],
    ["has an agent without a risk profile", "schema_version = 3\n[agents.default]\nenabled = true\n"],
  ])("refuses a configuration that %s", async (_, config) => {
    await using dir = await createTempDir();
    const program = await startProgram(dir.path, config, ["-p", "0"]);
    expect(await program.exited).toBe(1);
    expect(await program.stderr.text()).toContain("Error: ");
  });
});
