import { type Conversation, parseConversation } from "./conversation.ts";
import { type Directives, parseDirectives, toTaskText } from "./directives.ts";

/** What happened to one task text at the provider; what a test asserts on. */
export interface ProviderCount {
  /** Requests to the model, retries and turns after tools included. */
  readonly calls: number;
  /** Those of them that the gateway made by itself after a crash. */
  readonly recoveryCalls: number;
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** Connections that the gateway closed before the answer was complete. */
  readonly aborted: number;
  readonly completed: number;
}

type MutableCount = { -readonly [Field in keyof ProviderCount]: ProviderCount[Field] };

export interface FakeProvider extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/v1`. */
  readonly baseUrl: string;
  /** By the message without directives; all zero for a text never seen. */
  readonly count: (taskText: string) => ProviderCount;
  readonly maxInFlight: () => number;
  /** Lets go of what `[[hold]]` keeps back, now and from now on. */
  readonly release: (taskText: string) => void;
  /** Resolves when the condition on a task's counts holds; rejects after the time. */
  readonly until: (
    taskText: string,
    condition: (count: ProviderCount) => boolean,
    withinMs?: number,
  ) => Promise<ProviderCount>;
}

const noCount: ProviderCount = {
  calls: 0,
  recoveryCalls: 0,
  inFlight: 0,
  maxInFlight: 0,
  aborted: 0,
  completed: 0,
};

const pieceLength = 64 * 1024;
const defaultWaitMs = 30_000;

/** An OpenAI-compatible model on loopback that answers by the directives in the message. See `directives.ts`. */
export function startFakeProvider(): FakeProvider {
  const counts = new Map<string, MutableCount>();
  const watchers = new Set<() => void>();
  const holds = new Map<string, PromiseWithResolvers<void>>();
  const holdOf = (task: string) => {
    const hold = holds.get(task) ?? Promise.withResolvers<void>();
    holds.set(task, hold);
    return hold;
  };
  let inFlight = 0;
  let maxInFlight = 0;

  const change = (task: string, apply: (count: MutableCount) => void) => {
    const count = counts.get(task) ?? { ...noCount };
    counts.set(task, count);
    apply(count);
    for (const watcher of [...watchers]) watcher();
  };

  /** @returns what ends the request; only its first call counts */
  const begin = (conversation: Conversation): ((how: "completed" | "aborted") => void) => {
    const task = toTaskText(conversation.task);
    inFlight += 1;
    maxInFlight = Math.max(maxInFlight, inFlight);
    change(task, (count) => {
      count.calls += 1;
      if (conversation.isRecovery) count.recoveryCalls += 1;
      count.inFlight += 1;
      count.maxInFlight = Math.max(count.maxInFlight, count.inFlight);
    });
    let hasEnded = false;
    return (how) => {
      if (hasEnded) return;
      hasEnded = true;
      inFlight -= 1;
      change(task, (count) => {
        count.inFlight -= 1;
        count[how] += 1;
      });
    };
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 64 * 1024 * 1024,
    routes: {
      "/v1/models": () => Response.json({ object: "list", data: [{ id: "fake-1", object: "model" }] }),
      "/v1/chat/completions": async (request) => {
        const conversation = parseConversation(await request.json());
        return respond({
          conversation,
          directives: parseDirectives(conversation.task),
          released: holdOf(toTaskText(conversation.task)).promise,
          signal: request.signal,
          end: begin(conversation),
        });
      },
    },
  });

  const count = (taskText: string): ProviderCount => ({ ...(counts.get(taskText) ?? noCount) });
  return {
    baseUrl: `http://127.0.0.1:${server.port}/v1`,
    count,
    maxInFlight: () => maxInFlight,
    release: (taskText) => holdOf(taskText).resolve(),
    until: (taskText, condition, withinMs = defaultWaitMs) => {
      const { promise, resolve, reject } = Promise.withResolvers<ProviderCount>();
      const check = () => {
        if (condition(count(taskText))) settle(() => resolve(count(taskText)));
      };
      const timer = setTimeout(() => {
        settle(() =>
          reject(
            new Error(`the provider never saw it for "${taskText}": ${JSON.stringify(count(taskText))}`),
          ),
        );
      }, withinMs);
      const settle = (how: () => void) => {
        watchers.delete(check);
        clearTimeout(timer);
        how();
      };
      watchers.add(check);
      check();
      return promise;
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
    },
  };
}

interface Exchange {
  readonly conversation: Conversation;
  readonly directives: Directives;
  /** Resolves when the test lets go of what `[[hold]]` keeps back. */
  readonly released: Promise<void>;
  readonly signal: AbortSignal;
  readonly end: (how: "completed" | "aborted") => void;
}

/** Recovery turns answer even where the first turn hangs, so that a test can hold a run until it kills the gateway. */
function respond(exchange: Exchange): Response | Promise<Response> {
  const { directives, conversation } = exchange;
  const status = conversation.toolOutput === null ? directives.status : directives.statusAfterTool;
  if (status !== null) {
    exchange.end("completed");
    return Response.json(
      { error: { message: `fake provider status ${status}`, type: "fake_error", code: null } },
      { status },
    );
  }
  const isSilent = directives.hangs && !conversation.isRecovery;
  const pieces = isSilent ? neverPieces(exchange.signal) : answerPieces(exchange);
  return new Response(toEventStream(exchange, pieces), { headers: { "content-type": "text/event-stream" } });
}

type Piece = { readonly text: string } | { readonly tool: string } | { readonly cut: true };

async function* neverPieces(signal: AbortSignal): AsyncGenerator<Piece> {
  await untilAborted(signal);
  yield { cut: true };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function* answerPieces(exchange: Exchange): AsyncGenerator<Piece> {
  const { directives, conversation } = exchange;
  if (directives.sleepMs > 0) await Bun.sleep(directives.sleepMs);
  if (directives.drop === "before") return yield { cut: true };
  if (directives.tool !== null && conversation.toolOutput === null) {
    yield { text: "asking a tool " };
    return yield { tool: directives.tool };
  }
  if (directives.chunks !== null) {
    for (let index = 1; index <= directives.chunks.count; index += 1) {
      yield { text: `part${index} ` };
      if (directives.drop === "after") return yield { cut: true };
      await Bun.sleep(directives.chunks.gapMs);
    }
  } else if (directives.drop === "after") {
    yield { text: "a piece before the cut" };
    return yield { cut: true };
  }
  if (directives.holds) await Promise.race([exchange.released, untilAborted(exchange.signal)]);
  const text = answerText(directives, conversation);
  for (let at = 0; at < text.length; at += pieceLength) yield { text: text.slice(at, at + pieceLength) };
}

/** What the provider answers to a message, unless a directive says otherwise: `answer to: <task text>`. */
export function answerText(directives: Directives, conversation: Conversation): string {
  const task = toTaskText(conversation.task);
  if (directives.runs !== null) return directives.runs;
  if (directives.size !== null) return "x".repeat(directives.size);
  if (directives.recalls) return `earlier: ${conversation.earlier.map(toTaskText).join(" | ")}`;
  if (conversation.toolOutput !== null) return `tool said: ${conversation.toolOutput.trim()}`;
  return `${conversation.isRecovery ? "recovered answer to" : "answer to"}: ${task}`;
}

function toEventStream(exchange: Exchange, pieces: AsyncGenerator<Piece>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const frame = (data: unknown) => encoder.encode(`data: ${JSON.stringify(data)}\n\n`);
  const chunk = (delta: unknown, finishReason: string | null = null) =>
    frame({
      id: "chatcmpl-fake",
      object: "chat.completion.chunk",
      created: 0,
      model: "fake-1",
      choices: [{ index: 0, delta, finish_reason: finishReason }],
    });
  exchange.signal.addEventListener("abort", () => exchange.end("aborted"), { once: true });
  return new ReadableStream({
    async start(controller) {
      let finishReason = "stop";
      try {
        for await (const piece of pieces) {
          if (exchange.signal.aborted) return exchange.end("aborted");
          if ("cut" in piece) {
            exchange.end("completed");
            return controller.error(new Error("cut by directive"));
          }
          if ("tool" in piece) {
            finishReason = "tool_calls";
            controller.enqueue(chunk(toolCall(piece.tool)));
          } else {
            controller.enqueue(chunk({ role: "assistant", content: piece.text }));
          }
        }
        controller.enqueue(chunk({}, finishReason));
        controller.enqueue(
          frame({
            id: "chatcmpl-fake",
            object: "chat.completion.chunk",
            created: 0,
            model: "fake-1",
            choices: [],
            usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
          }),
        );
        controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        exchange.end("completed");
        controller.close();
      } catch (error) {
        exchange.end("aborted");
        if (!exchange.signal.aborted) controller.error(error);
      }
    },
    cancel: () => exchange.end("aborted"),
  });
}

function toolCall(command: string): unknown {
  return {
    tool_calls: [
      {
        index: 0,
        id: `call_${crypto.randomUUID().slice(0, 8)}`,
        type: "function",
        function: { name: "exec", arguments: JSON.stringify({ command }) },
      },
    ],
  };
}
