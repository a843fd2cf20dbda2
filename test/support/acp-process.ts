/**
 * An agent as the `acp` runtime starts one, built with the agent side of the SDK. It has conversations that outlive it in a
 * file of the folder it works in, and does what the first word of a message says.
 *
 * `FAKE_ACP` in the environment makes it an agent of another kind, word by word: `no-resume`, `load`, `login` (it offers
 * one), `wants-login` (until a file `logged-in` is in its folder), `version-2`, `slow-start` and `slow-new` (until a file
 * `go-on` is there; for the first session only), `mute-new`, `same-id` (all its sessions have one), `unknown-32000` (so it
 * answers for a session that it does not know, as ZeroClaw does), `three-sessions` (it opens no more).
 */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  type AgentContext,
  agent,
  methods,
  ndJsonStream,
  type PermissionOptionKind,
  type PromptResponse,
  RequestError,
  type RequestPermissionResponse,
} from "@agentclientprotocol/sdk";

const traits = new Set((process.env.FAKE_ACP ?? "").split(" "));
const sessionsFile = "fake-sessions.json";
const eventsFile = "fake-events.txt";

type Sessions = Record<string, string[]>;
const readSessions = (): Sessions =>
  existsSync(sessionsFile) ? (JSON.parse(readFileSync(sessionsFile, "utf8")) as Sessions) : {};
const open = new Set<string>();
const cancels = new Map<string, AbortController>();

/** For the tests to see what was asked of it. */
const note = (event: string) => appendFileSync(eventsFile, `${event}\n`);
note(`start ${process.pid}`);

function requireLogin(): void {
  if (traits.has("wants-login") && !existsSync("logged-in"))
    throw RequestError.authRequired(undefined, "please log in");
}

function unknownSession(sessionId: string): RequestError {
  return traits.has("unknown-32000")
    ? new RequestError(-32000, "Session not found")
    : RequestError.resourceNotFound(sessionId);
}

function openSession(sessionId: string): void {
  if (traits.has("three-sessions") && open.size >= 3) throw new RequestError(-32001, "too many sessions");
  if (readSessions()[sessionId] === undefined) throw unknownSession(sessionId);
  open.add(sessionId);
}

async function untilTold(): Promise<void> {
  while (!existsSync("go-on")) await Bun.sleep(20);
}

async function prompt(client: AgentContext, sessionId: string, message: string): Promise<PromptResponse> {
  if (!open.has(sessionId)) throw unknownSession(sessionId);
  const cancel = new AbortController();
  cancels.set(sessionId, cancel);
  const say = (
    text: string,
    sessionUpdate: "agent_message_chunk" | "agent_thought_chunk" = "agent_message_chunk",
  ) =>
    client.notify(methods.client.session.update, {
      sessionId,
      update: { sessionUpdate, content: { type: "text", text } },
    });
  const ask = async (optionKinds: readonly PermissionOptionKind[]): Promise<RequestPermissionResponse> =>
    await client.request(methods.client.session.requestPermission, {
      sessionId,
      toolCall: { toolCallId: "call-1", title: "rm -rf everything", kind: "execute" },
      options: optionKinds.map((kind) => ({ optionId: `option-${kind}`, name: kind, kind })),
    });
  const sessions = readSessions();
  const before = sessions[sessionId] ?? [];
  sessions[sessionId] = [...before, message];
  writeFileSync(sessionsFile, JSON.stringify(sessions));

  await say("let me think about secrets of my own", "agent_thought_chunk");
  const [first = "", second = ""] = message.split(" ");
  switch (first) {
    case "slow:":
      for (let piece = 0; piece < 300; piece++) {
        await say(piece === 0 ? `${message} ` : `part${piece} `);
        await Bun.sleep(100);
        if (!cancel.signal.aborted) continue;
        await say("after all");
        return { stopReason: "cancelled" };
      }
      break;
    case "wait:":
      await untilTold();
      await say(message);
      break;
    case "forget":
      open.delete(sessionId);
      if (second === "all") rmSync(sessionsFile);
      await say("forgotten");
      break;
    case "deaf:":
      await say("working ");
      await Bun.sleep(60_000);
      break;
    case "recall":
      await say(`earlier: ${before.join(" | ")}`);
      break;
    case "long":
      for (let piece = 0; piece < 9; piece++) await say("x".repeat(1024 * 1024));
      break;
    case "stop":
      if (second !== "silent") await say("so far ");
      return { stopReason: (second === "silent" ? "end_turn" : second) as PromptResponse["stopReason"] };
    case "error":
      await say("half an answer ");
      throw new RequestError(Number(second), "provider says no", { details: process.env.PROVIDER_API_KEY });
    case "permission": {
      const { outcome } = await ask(["allow_always", "allow_once", "reject_once", "reject_always"]);
      await say(outcome.outcome === "selected" ? `answer: ${outcome.optionId}` : "answer: cancelled");
      break;
    }
    case "only-always": {
      const { outcome } = await ask(["allow_always", "reject_always"]);
      await say(outcome.outcome === "selected" ? `answer: ${outcome.optionId}` : "answer: cancelled");
      break;
    }
    case "permission-flood":
      while (!cancel.signal.aborted) await ask(["allow_once", "reject_once"]);
      return { stopReason: "cancelled" };
    case "file": {
      const refused = await client
        .request(methods.client.fs.readTextFile, { sessionId, path: "/etc/passwd" })
        .then(
          () => "it was read",
          (error: unknown) => (error instanceof RequestError ? String(error.code) : "another error"),
        );
      await say(`file: ${refused}`);
      break;
    }
    case "die":
      await say("half an answer ");
      process.stderr.write(`fatal: provider says no ${process.env.PROVIDER_API_KEY}\n`);
      await Bun.sleep(50);
      process.exit(7);
      break;
    case "pid":
      await say(`pid ${process.pid}`);
      break;
    case "env":
      await say(`env ${Object.keys(process.env).sort().join(" ")}`);
      break;
    case "garbage":
      process.stdout.write("Loading model… 42 %\n[1,2]\n\n{broken\n");
      process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id: 999, result: {} })}\n`);
      process.stdout.write(
        `${JSON.stringify({ jsonrpc: "2.0", method: "_other/thing", params: { a: 1 } })}\n`,
      );
      process.stdout.write(
        `${JSON.stringify({ jsonrpc: "2.0", method: "session/update", params: { sessionId, update: { sessionUpdate: "from_the_future", x: 1 } } })}\n`,
      );
      await say("after the garbage");
      break;
    case "huge-line":
      for (let piece = 0; piece < 40; piece++) process.stdout.write("x".repeat(1024 * 1024));
      await Bun.sleep(60_000);
      break;
    default:
      await say("You ");
      await say(`said: ${message}`);
  }
  return { stopReason: "end_turn" };
}

if (traits.has("slow-start")) await untilTold();
let newSessions = 0;

const app = agent({ name: "fake" })
  .onRequest(methods.agent.initialize, () => ({
    protocolVersion: traits.has("version-2") ? 2 : 1,
    agentInfo: { name: "fake-agent", version: "4.5.6" },
    authMethods:
      traits.has("login") || traits.has("wants-login")
        ? [{ id: "browser", name: "Log in with a browser" }]
        : [],
    agentCapabilities: {
      loadSession: traits.has("load"),
      sessionCapabilities: {
        ...(traits.has("no-resume") ? {} : { resume: {} }),
        close: {},
      },
    },
  }))
  .onRequest(methods.agent.session.new, async ({ params }) => {
    requireLogin();
    newSessions += 1;
    note(`asked for new ${newSessions}`);
    if (traits.has("mute-new")) await Bun.sleep(300_000);
    if (traits.has("slow-new") && newSessions === 1) await untilTold();
    if (traits.has("three-sessions") && open.size >= 3) throw new RequestError(-32001, "too many sessions");
    const sessionId = traits.has("same-id") ? "default" : crypto.randomUUID();
    writeFileSync(sessionsFile, JSON.stringify({ ...readSessions(), [sessionId]: [] }));
    open.add(sessionId);
    note(`new ${params.cwd}`);
    return { sessionId };
  })
  .onRequest(methods.agent.session.resume, ({ params }) => {
    openSession(params.sessionId);
    note(`resume ${params.sessionId}`);
    return {};
  })
  .onRequest(methods.agent.session.load, async ({ params, client }) => {
    openSession(params.sessionId);
    note("load");
    for (const text of readSessions()[params.sessionId] ?? []) {
      await client.notify(methods.client.session.update, {
        sessionId: params.sessionId,
        update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: `replayed ${text}` } },
      });
    }
    return {};
  })
  .onRequest(methods.agent.session.close, ({ params }) => {
    note(`close ${params.sessionId}`);
    open.delete(params.sessionId);
  })
  .onRequest(methods.agent.session.prompt, async ({ params, client }) => {
    const text = params.prompt.map((block) => (block.type === "text" ? block.text : "")).join("");
    if (params._meta !== undefined && params._meta !== null) note(`meta ${JSON.stringify(params._meta)}`);
    return await prompt(client, params.sessionId, text);
  })
  .onNotification(methods.agent.session.cancel, ({ params }) => {
    note("cancel");
    cancels.get(params.sessionId)?.abort();
  });

const input = Bun.stdin.stream();
const output = new WritableStream<Uint8Array>({
  write: (bytes) => new Promise((resolve) => process.stdout.write(bytes, () => resolve())),
});
const connection = app.connect(ndJsonStream(output, input));
await connection.closed;
process.exit(0);
