import type { Environment } from "./environment.ts";

/** A place to write text to: a terminal, a pipe or a file. */
export interface Output {
  readonly write: (text: string) => void;
  /** As `write`, done when the reader has room for more: for output of any length. */
  readonly writeAndWait: (text: string) => Promise<void>;
  readonly isTerminal: boolean;
  /** Width in cells; {@link Infinity} when nothing limits the line. */
  readonly columns: number;
  readonly hasColour: boolean;
}

/** Standard input. */
export interface Input {
  readonly isTerminal: boolean;
  /** The whole text, or null when it is longer than `maxBytes` bytes of UTF-8. */
  readonly readText: (maxBytes: number) => Promise<string | null>;
  /** The next line without its end, for a terminal; null at the end of the input. An abort is thrown as its reason. */
  readonly readLine: (signal: AbortSignal) => Promise<string | null>;
}

/** Characters of an answer typed on a terminal; what is longer counts as a whole line. */
const maxLineLength = 4096;

interface InputStream extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean | undefined;
}

interface OutputStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly write: (text: string, onWritten?: () => void) => unknown;
}

/**
 * Colours are used on terminals only. NO_COLOR and TERM=dumb switch them off, FORCE_COLOR (not "0") on
 * (https://no-color.org).
 */
export function createOutput(stream: OutputStream, env: Environment): Output {
  const isTerminal = stream.isTTY === true;
  return {
    write: (text) => {
      stream.write(text);
    },
    writeAndWait: (text) => new Promise((resolve) => stream.write(text, () => resolve())),
    isTerminal,
    get columns() {
      if (!isTerminal) return readColumns(env.COLUMNS) ?? Number.POSITIVE_INFINITY;
      // A terminal without a size says 0.
      return stream.columns || (readColumns(env.COLUMNS) ?? 80);
    },
    hasColour: wantsColour(isTerminal, env),
  };
}

function wantsColour(isTerminal: boolean, env: Environment): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "") return env.FORCE_COLOR !== "0";
  return isTerminal && env.TERM !== "dumb";
}

function readColumns(text: string | undefined): number | null {
  const columns = Number(text);
  return Number.isInteger(columns) && columns >= 20 ? columns : null;
}

export function createInput(stream: InputStream): Input {
  return {
    isTerminal: stream.isTTY === true,
    readLine: (signal) => readLine(stream, signal),
    readText: async (maxBytes) => {
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const part of stream) {
        const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
        length += bytes.byteLength;
        if (length > maxBytes) return null;
        parts.push(bytes);
      }
      return new TextDecoder().decode(Buffer.concat(parts));
    },
  };
}

async function readLine(stream: InputStream, signal: AbortSignal): Promise<string | null> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const parts = stream[Symbol.asyncIterator]();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (!text.includes("\n") && text.length < maxLineLength) {
      const part = await Promise.race([parts.next(), aborted]);
      if (part.done === true) return text === "" ? null : text;
      text += typeof part.value === "string" ? part.value : decoder.decode(part.value, { stream: true });
    }
    return text.split(/\r?\n/, 1)[0] ?? "";
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
