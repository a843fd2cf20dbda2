import { z } from "zod";
import { type Clock, delay } from "../platform/clock.ts";
import type { Execution, ExecutionEnd, ExecutionLog } from "./executions.ts";
import { answerTo, indexOfContent, type LoadPlan, planTask } from "./load-plan.ts";

/** What a simulated runtime does wrong at present. */
export type RuntimeMood = "well" | "refusing" | "failing" | "hanging" | "slow";

/** One OpenAI-compatible server for all nodes: a path for each. It counts every execution, and answers from the content. */
export interface ModelServer {
  /** What the node of this name takes as its gateway. */
  readonly urlOf: (node: string) => string;
  readonly setMood: (node: string, mood: RuntimeMood) => void;
  readonly stop: () => Promise<void>;
}

interface ModelServerOptions {
  readonly load: LoadPlan;
  readonly executions: ExecutionLog;
  readonly clock: Clock;
  /** An execution has been answered in full. */
  readonly onAnswered: (index: number) => void;
}

const ChatBody = z.object({ messages: z.array(z.object({ content: z.string() })).min(1) });

/** What a slow runtime takes longer for each run. */
const slowExtraMs = 700;
/** A run longer than this is streamed piece by piece; shorter ones in one piece. */
const streamFromMs = 100;
/** How often a hanging runtime looks whether it still hangs. */
const hangStepMs = 20;
const pieces = 4;

export function startModelServer(options: ModelServerOptions): ModelServer {
  const moods = new Map<string, RuntimeMood>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      const [, node = "", ...rest] = new URL(request.url).pathname.split("/");
      const mood = () => moods.get(node) ?? "well";
      const path = rest.join("/");
      if (path === "v1/models") {
        await whileHanging(mood, options.clock, request.signal);
        return Response.json({ object: "list", data: [{ id: "lab-model", object: "model" }] });
      }
      if (path !== "v1/chat/completions" || request.method !== "POST") {
        return new Response("Not Found", { status: 404 });
      }
      return await answerChat(request, { ...options, node, mood });
    },
  });
  return {
    urlOf: (node) => `http://127.0.0.1:${server.port}/${node}`,
    setMood: (node, mood) => void moods.set(node, mood),
    stop: () => server.stop(true),
  };
}

interface ChatContext extends ModelServerOptions {
  readonly node: string;
  readonly mood: () => RuntimeMood;
}

async function answerChat(request: Request, context: ChatContext): Promise<Response> {
  const body = ChatBody.safeParse(await request.json());
  const content = body.success ? (body.data.messages.at(-1)?.content ?? "") : "";
  const index = indexOfContent(content, context.load.seed);
  if (index === null) return errorAnswer(400, "invalid_request_error", "This is no task of the laboratory.");
  const { clock, mood } = context;
  const execution: Execution = {
    node: context.node,
    attemptKey: request.headers.get("idempotency-key") ?? "",
    atMs: clock.nowMs(),
    end: "running",
  };
  context.executions.add(index, execution);
  if (mood() === "refusing") {
    execution.end = "refused";
    return index % 2 === 0
      ? errorAnswer(429, "rate_limit_exceeded", "Too many requests.")
      : errorAnswer(503, "overloaded", "The server is overloaded.");
  }
  if (mood() === "failing") {
    execution.end = "failed";
    return errorAnswer(500, "server_error", "The server failed.");
  }
  await whileHanging(mood, clock, request.signal);
  const { runMs } = planTask(context.load, index);
  const takesMs = runMs + (mood() === "slow" ? slowExtraMs : 0);
  const settle = (end: ExecutionEnd) => {
    if (execution.end !== "running") return;
    execution.end = end;
    if (end === "answered") context.onAnswered(index);
  };
  const run = { takesMs, text: answerTo(content), clock, signal: request.signal, settle };
  return takesMs >= streamFromMs ? streamSlowly(run) : await answerSoon(run);
}

interface Run {
  readonly takesMs: number;
  readonly text: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly settle: (end: ExecutionEnd) => void;
}

async function answerSoon({ takesMs, text, clock, signal, settle }: Run): Promise<Response> {
  await delay(clock, takesMs, signal);
  settle(signal.aborted ? "aborted" : "answered");
  return eventStream([...cutInPieces(text).map(deltaEvent), ...lastEvents].join(""));
}

function streamSlowly({ takesMs, text, clock, signal, settle }: Run): Response {
  const encoder = new TextEncoder();
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(), { once: true });
  return eventStream(
    new ReadableStream<Uint8Array>({
      start: async (controller) => {
        for (const piece of cutInPieces(text)) {
          if ((await delay(clock, takesMs / pieces, stop.signal)) === "aborted") {
            settle("aborted");
            return;
          }
          controller.enqueue(encoder.encode(deltaEvent(piece)));
        }
        controller.enqueue(encoder.encode(lastEvents.join("")));
        settle("answered");
        controller.close();
      },
      cancel: () => stop.abort(),
    }),
  );
}

async function whileHanging(mood: () => RuntimeMood, clock: Clock, signal: AbortSignal): Promise<void> {
  while (mood() === "hanging" && (await delay(clock, hangStepMs, signal)) === "elapsed");
}

function eventStream(body: string | ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}

function cutInPieces(text: string): readonly string[] {
  const length = Math.ceil(text.length / pieces);
  return Array.from({ length: pieces }, (_, at) => text.slice(at * length, (at + 1) * length));
}

const toEvent = (choice: object) =>
  `data: ${JSON.stringify({ id: "lab", object: "chat.completion.chunk", choices: [{ index: 0, ...choice }] })}\n\n`;
const deltaEvent = (content: string) => toEvent({ delta: { content }, finish_reason: null });
const lastEvents = [toEvent({ delta: {}, finish_reason: "stop" }), "data: [DONE]\n\n"];

function errorAnswer(status: number, code: string, message: string): Response {
  return Response.json({ error: { message, type: code, code } }, { status });
}
