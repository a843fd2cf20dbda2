/**
 * A load over kept connections, each with one request in flight, bounded in time or in number. Its argument is a
 * {@link LoadPlan} as JSON; prints a {@link LoadResult} as one JSON line.
 */
export interface LoadPlan {
  readonly port: number;
  readonly token: string;
  readonly connections: number;
  /** `/api/v1/route`: waits for the answer; `/api/v1/tasks`: for the acceptance. */
  readonly path: string;
  /** Answers with another status count as failures; 503 is tried again after a pause. */
  readonly status: number;
  /** Ends after this time … */
  readonly seconds?: number;
  /** … or after so many answers. */
  readonly count?: number;
}

export interface LoadResult {
  readonly messages: number;
  readonly failures: number;
  /** Times that the queue was full. */
  readonly refused: number;
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

const busyPauseMs = 20;

const plan = JSON.parse(Bun.argv[2] ?? "{}") as LoadPlan;
const body = JSON.stringify({
  content: "please say hello to the mesh, thank you very much",
  source: "bench",
});
const request = [
  `POST ${plan.path} HTTP/1.1`,
  "Host: 127.0.0.1",
  `Authorization: Bearer ${plan.token}`,
  "Content-Type: application/json",
  `Content-Length: ${body.length}`,
  "",
  body,
].join("\r\n");

const latenciesMs: number[] = [];
let failures = 0;
let refused = 0;
let sent = 0;
const startedMs = performance.now();
const endMs = startedMs + (plan.seconds ?? 600) * 1000;
const limit = plan.count ?? Number.POSITIVE_INFINITY;

/** Whether the bytes so far are one whole answer. */
function isWhole(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return head >= 0 && length !== undefined && text.length >= head + 4 + Number(length);
}

function connection(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let sentMs = 0;
  let received = "";
  const begin = (socket: Bun.Socket) => {
    if (performance.now() > endMs || sent >= limit) {
      socket.end();
      return;
    }
    sent += 1;
    sentMs = performance.now();
    socket.write(request);
  };
  void Bun.connect({
    hostname: "127.0.0.1",
    port: plan.port,
    socket: {
      open: begin,
      data: (socket, bytes) => {
        received += bytes.toString("latin1");
        if (!isWhole(received)) return;
        const status = Number(received.slice(9, 12));
        received = "";
        if (status === 503) {
          refused += 1;
          sent -= 1;
          setTimeout(begin, busyPauseMs, socket);
          return;
        }
        if (status !== plan.status) failures += 1;
        latenciesMs.push(performance.now() - sentMs);
        begin(socket);
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  return promise;
}

async function main(): Promise<void> {
  await Promise.all(Array.from({ length: plan.connections }, connection));
  const tookMs = performance.now() - startedMs;
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0;
  const result: LoadResult = {
    messages: latenciesMs.length,
    failures,
    refused,
    per_second: Math.round((latenciesMs.length / tookMs) * 1000),
    p50_ms: at(0.5),
    p99_ms: at(0.99),
  };
  console.log(JSON.stringify(result));
  process.exit(0);
}

if (import.meta.main) void main();
