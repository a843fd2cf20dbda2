import type { AnyMessage, Stream } from "@agentclientprotocol/sdk";
import type { PipedProcess } from "../../platform/piped-process.ts";
import { parseJsonText } from "../../protocol/json-text.ts";

/** Bytes of one message: an answer of 8 MiB in JSON, or a tool's output that some agents pass on whole. */
const maxMessageBytes = 32 * 1024 * 1024;

/** Characters on standard output that are no messages, before the first message and between two. */
const maxForeignAtStart = 1024 * 1024;
const maxForeignBetween = 16 * 1024 * 1024;

/** Requests of the agent that have no answer yet; agents ask a handful of things at a time. */
const maxOpenRequests = 256;

/** What an agent did that makes the connection useless; a sentence goes on with it. */
export type StreamFault =
  | "writes a line without an end"
  | "does not speak ACP"
  | "asks faster than it listens";

interface MessageStreamOptions {
  /** `session/update` and whatever else wants no answer; in order, and before the answers that come after it. */
  readonly onNotification: (method: string, params: unknown) => void;
  readonly onFault: (fault: StreamFault) => void;
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Messages over the pipes of a process, one a line. Differs from the SDK's own in what it makes of a bad agent: lines that
 * are no messages are passed over, answers that nobody asked for too, every buffer has a limit, and notifications do not go
 * through the SDK, which writes to the console what it does not know.
 */
export function createMessageStream(
  piped: PipedProcess,
  { onNotification, onFault }: MessageStreamOptions,
): Stream {
  const asked = new Set<unknown>();
  let openRequests = 0;
  let foreign = 0;
  let isSpeaking = false;
  let hasFault = false;
  const reader = piped.stdout.getReader();
  const lines = createLines();
  const encoder = new TextEncoder();

  const fail = (fault: StreamFault) => {
    if (hasFault) return;
    hasFault = true;
    onFault(fault);
  };
  /** The message when the connection has to see it. */
  const take = (line: string): AnyMessage | null => {
    const message = parseMessage(line);
    if (message === null) {
      foreign += line.length;
      if (foreign > (isSpeaking ? maxForeignBetween : maxForeignAtStart)) fail("does not speak ACP");
      return null;
    }
    isSpeaking = true;
    foreign = 0;
    const { id, method } = message;
    if (typeof method === "string" && id === undefined) {
      onNotification(method, message.params);
      return null;
    }
    if (method === undefined) return asked.delete(id) ? toMessage(message) : null;
    openRequests += 1;
    if (openRequests > maxOpenRequests) fail("asks faster than it listens");
    return toMessage(message);
  };

  const readable = new ReadableStream<AnyMessage>({
    pull: async (controller) => {
      for (let hasMessage = false; !hasMessage && !hasFault; ) {
        const { value, done } = await reader.read();
        if (done) return controller.close();
        const pieces = lines.push(value);
        if (pieces === null) return fail("writes a line without an end");
        for (const piece of pieces) {
          const message = hasFault ? null : take(piece);
          if (message === null) continue;
          controller.enqueue(message);
          hasMessage = true;
        }
        // A flood of lines that say nothing must not keep everything else from its turn.
        await Promise.resolve();
      }
    },
    cancel: async (reason) => await reader.cancel(reason),
  });
  const writable = new WritableStream<AnyMessage>({
    write: async (message) => {
      if ("method" in message && "id" in message) asked.add(message.id);
      await piped.write(encoder.encode(`${JSON.stringify(message)}\n`));
      if (!("method" in message)) openRequests -= 1;
    },
  });
  return { readable, writable };
}

/** null: not one object, or nested too deep. */
function parseMessage(line: string): JsonObject | null {
  if (!line.trimStart().startsWith("{")) return null;
  try {
    const value = parseJsonText(line);
    return typeof value === "object" && value !== null ? (value as JsonObject) : null;
  } catch {
    // What an agent prints beside its messages, such as a banner, does not matter.
    return null;
  }
}

/** The SDK looks at what it takes itself. */
function toMessage(message: JsonObject): AnyMessage {
  return message as AnyMessage;
}

interface Lines {
  /** Whole lines; null: one is longer than {@link maxMessageBytes}. */
  readonly push: (bytes: Uint8Array) => readonly string[] | null;
}

function createLines(): Lines {
  const decoder = new TextDecoder();
  let open: string[] = [];
  let openBytes = 0;
  return {
    push: (bytes) => {
      const pieces = decoder.decode(bytes, { stream: true }).split("\n");
      const last = pieces.pop() ?? "";
      const whole: string[] = [];
      for (const piece of pieces) {
        whole.push(open.join("") + piece);
        open = [];
        openBytes = 0;
      }
      open.push(last);
      openBytes += pieces.length === 0 ? bytes.byteLength : last.length;
      return openBytes > maxMessageBytes ? null : whole.filter((line) => line.trim() !== "");
    },
  };
}
