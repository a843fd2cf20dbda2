/**
 * A load of `POST /api/v1/route` over kept connections, each with one message in flight, bounded in time. Arguments: port,
 * connections, seconds, token. Prints one JSON line.
 */
const [port, connections, seconds, token] = [
  Number(Bun.argv[2]),
  Number(Bun.argv[3]),
  Number(Bun.argv[4]),
  Bun.argv[5],
];
const body = JSON.stringify({
  content: "please say hello to the mesh, thank you very much",
  source: "bench",
});
const request = [
  "POST /api/v1/route HTTP/1.1",
  "Host: 127.0.0.1",
  `Authorization: Bearer ${token}`,
  "Content-Type: application/json",
  `Content-Length: ${body.length}`,
  "",
  body,
].join("\r\n");

const latenciesMs: number[] = [];
let failures = 0;
const startedMs = performance.now();
const endMs = startedMs + seconds * 1000;

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
  void Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => {
        sentMs = performance.now();
        socket.write(request);
      },
      data: (socket, bytes) => {
        received += bytes.toString("latin1");
        if (!isWhole(received)) return;
        if (!received.startsWith("HTTP/1.1 200")) failures += 1;
        received = "";
        const nowMs = performance.now();
        latenciesMs.push(nowMs - sentMs);
        if (nowMs > endMs) {
          socket.end();
          return;
        }
        sentMs = nowMs;
        socket.write(request);
      },
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  return promise;
}

async function main(): Promise<void> {
  await Promise.all(Array.from({ length: connections }, connection));
  const tookMs = performance.now() - startedMs;
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0;
  console.log(
    JSON.stringify({
      messages: latenciesMs.length,
      failures,
      per_second: Math.round((latenciesMs.length / tookMs) * 1000),
      p50_ms: at(0.5),
      p99_ms: at(0.99),
    }),
  );
  process.exit(0);
}

void main();
