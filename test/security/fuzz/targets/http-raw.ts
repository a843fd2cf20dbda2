import { connect } from "node:net";
import fc from "fast-check";
import { hostileText } from "../hostile-values.ts";
import { asTarget, type FuzzTarget } from "../target.ts";
import { createWatchedCoordinator } from "../watched-coordinator.ts";

/** Bytes as Latin-1 text: a head is not Unicode. */
interface RawInput {
  readonly bytes: string;
}

const names = [
  ...[
    "authorization",
    "cookie",
    "host",
    "origin",
    "content-length",
    "transfer-encoding",
    "content-type",
    "accept",
  ],
  ...[
    "idempotency-key",
    "last-event-id",
    "x-request-id",
    "x-forwarded-for",
    "forwarded",
    "upgrade",
    "connection",
  ],
  ...["sec-websocket-key", "sec-websocket-version", "expect", "range", "te"],
];
const values = [
  ...[
    "Bearer ",
    "Bearer x",
    "bearer test-admin-token",
    "Basic eDp5",
    "claw_mesh_session=",
    "claw_mesh_session=x; a=b",
    "__Host-claw_mesh_session=x",
  ],
  ...[
    "127.0.0.1",
    "localhost:1",
    "evil.example",
    "a, b",
    "null",
    "http://evil.example",
    "0",
    "5",
    "-1",
    "1e3",
    "99999999999",
    "chunked",
    "gzip, chunked",
  ],
  ...[
    "websocket",
    "Upgrade, keep-alive",
    "dGhlIHNhbXBsZSBub25jZQ==",
    "13",
    "100-continue",
    "bytes=0-",
    "trailers",
    "text/event-stream",
    "application/json",
  ],
];
const targets = [
  "/",
  "/healthz",
  "/readyz",
  "/api/v1/nodes",
  "/api/v1/tasks?limit=1",
  "/api/v1/link",
  "/api/v1/session",
  "//",
  "/api/v1/../v1/nodes",
  "*",
  "http://evil.example/",
];

const line = fc
  .tuple(fc.oneof(fc.constantFrom(...names), hostileText), fc.oneof(fc.constantFrom(...values), hostileText))
  .map(([name, value]) => `${name.slice(0, 300)}: ${value.slice(0, 20_000)}`);
const query = fc.oneof(
  fc.constant(""),
  hostileText.map((text) => `?${text.slice(0, 8_000)}`),
);
const head = fc.record({
  method: fc.oneof(
    fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT"),
    hostileText,
  ),
  target: fc.tuple(fc.constantFrom(...targets), query).map((parts) => parts.join("")),
  version: fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9"),
  lines: fc.array(line, { maxLength: 6 }),
  isHosted: fc.boolean(),
  body: fc.oneof(
    fc.constant(""),
    fc.constantFrom("5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    hostileText,
  ),
});
const requests = head.map(({ method, target, version, lines, isHosted, body }) =>
  [
    `${method.slice(0, 40)} ${target} ${version}`,
    ...(isHosted ? ["host: 127.0.0.1"] : []),
    ...lines,
    "connection: close",
    "",
    body,
  ].join("\r\n"),
);

/** After this the input is left alone: a request that is never completed gets no answer. */
const patienceMs = 40;

/** Bytes on a connection, headers, cookies and queries among them: never an INTERNAL, and the next one is served. */
export async function startHttpRaw(): Promise<FuzzTarget> {
  const watched = await createWatchedCoordinator();
  const { coordinator } = watched;
  return asTarget<RawInput>({
    inputs: fc.oneof({ weight: 9, arbitrary: requests }, hostileText).map((bytes) => ({ bytes })),
    feed: async ({ bytes }) => {
      const answer = await exchange(coordinator.port(), Buffer.from(bytes, "latin1"));
      if (/^HTTP\/1\.1 500 /.test(answer) || answer.includes('"INTERNAL"')) throw new Error(answer);
      const { status } = await coordinator.call("GET", "/healthz");
      if (status !== 200) throw new Error(`/healthz answered ${status} afterwards`);
      watched.requireNoFault();
    },
    [Symbol.asyncDispose]: () => watched[Symbol.asyncDispose](),
  });
}

function exchange(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, patienceMs);
    socket.on("data", (piece) => {
      answer += piece.toString("latin1");
    });
    socket.on("error", end);
    socket.on("close", end);
  });
}
