import { createConnection, type Socket } from "node:net";

/** One answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** The status line and the headers. */
  readonly head: string;
  readonly body: string;
}

/** A connection that is written to byte by byte, for what no client library sends. */
export interface RawConnection {
  readonly socket: Socket;
  readonly write: (bytes: string | Uint8Array) => void;
  /** The next whole answer; null: the server closed, or said nothing for the time. */
  readonly next: (limitMs?: number) => Promise<RawAnswer | null>;
  /** Resolves when the server has closed; false when it has not within the time. */
  readonly closed: (limitMs: number) => Promise<boolean>;
  readonly received: () => string;
  readonly destroy: () => void;
}

const defaultLimitMs = 5_000;

export async function connectRaw(port: number, host = "127.0.0.1"): Promise<RawConnection> {
  const socket = createConnection({ host, port });
  let text = "";
  let isClosed = false;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const call of [...waiting]) call();
  };
  socket.setEncoding("latin1");
  socket.on("data", (data) => {
    text += String(data);
    wake();
  });
  // A reset is a way of closing.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
    wake();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });

  /** @returns whether it became true within the time */
  function until(isTrue: () => boolean, limitMs: number): Promise<boolean> {
    if (isTrue()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (result: boolean) => {
        clearTimeout(timer);
        waiting.delete(look);
        resolve(result);
      };
      const look = () => {
        if (isTrue()) finish(true);
      };
      const timer = setTimeout(() => finish(false), limitMs);
      waiting.add(look);
    });
  }

  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    next: async (limitMs = defaultLimitMs) => {
      let answer: { readonly value: RawAnswer; readonly length: number } | null = null;
      await until(() => {
        answer = takeAnswer(text, isClosed);
        return answer !== null || isClosed;
      }, limitMs);
      answer = takeAnswer(text, isClosed);
      if (answer === null) return null;
      text = text.slice(answer.length);
      return answer.value;
    },
    closed: (limitMs) => until(() => isClosed, limitMs),
    received: () => text,
    destroy: () => socket.destroy(),
  };
}

function takeAnswer(text: string, isClosed: boolean): { value: RawAnswer; length: number } | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = text.slice(0, end);
  const status = Number(head.split(" ")[1]);
  const declared = /^content-length:\s*(\d+)/im.exec(head)?.[1];
  const isWithoutBody = status === 204 || status === 304 || status < 200;
  const length = declared === undefined ? (isWithoutBody || !isClosed ? 0 : text.length) : Number(declared);
  const start = end + 4;
  if (text.length < start + length)
    return isClosed ? { value: { status, head, body: text.slice(start) }, length: text.length } : null;
  return { value: { status, head, body: text.slice(start, start + length) }, length: start + length };
}

/** What came of bytes that may be taken for more than one request. */
export interface ProbeResult {
  /** Answers in order, until the server closed or answered the request that followed. */
  readonly answers: readonly RawAnswer[];
  /** Whether the server closed the connection, so that nothing that follows can be misread. */
  readonly isClosed: boolean;
}

/**
 * Sends the bytes, and when they were answered an ordinary request whose answer can be told. What came before that one are
 * the answers to the bytes.
 */
export async function probe(port: number, bytes: string | Uint8Array, limitMs = 2_000): Promise<ProbeResult> {
  const connection = await connectRaw(port);
  const marker = `/marker-${crypto.randomUUID()}`;
  const answers: RawAnswer[] = [];
  try {
    connection.write(bytes);
    const first = await connection.next(limitMs);
    if (first === null) return { answers, isClosed: await connection.closed(0) };
    answers.push(first);
    connection.write(`GET ${marker} HTTP/1.1\r\nHost: x\r\n\r\n`);
    for (;;) {
      const answer = await connection.next(limitMs);
      if (answer === null) return { answers, isClosed: await connection.closed(0) };
      if (answer.body.includes(marker)) return { answers, isClosed: false };
      answers.push(answer);
    }
  } finally {
    connection.destroy();
  }
}
