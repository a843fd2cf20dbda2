import { describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { registerClassic } from "../../support/classic-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

/** A server that says what it likes to a message, byte by byte; probes are answered as they should. */
async function startRawNode(mesh: TestCoordinator, onMessage: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => sockets.delete(socket));
    socket.on("close", () => sockets.delete(socket));
    let head = "";
    socket.on("data", (data) => {
      const isFirst = head === "";
      head += data.toString("latin1");
      if (!isFirst) return;
      if (head.startsWith("GET")) {
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{"status":"ok"}');
      } else onMessage(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await registerClassic(`http://127.0.0.1:${mesh.port()}`, mesh.token, {
    name: "hostile",
    endpoint: `127.0.0.1:${port}`,
  });
  return {
    openSockets: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/** Writes for as long as the socket takes it. */
function pour(socket: Socket, piece: string | Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on("drain", more);
  more();
}

describe("a hostile direct node", () => {
  test.each<[string, (socket: Socket) => void, string]>([
    ["never answers", () => {}, "MESSAGE_TIMEOUT"],
    [
      "drips its answer",
      (socket) => {
        socket.write(`${head}content-length: 1000\r\n\r\n`);
        const timer = setInterval(() => socket.write("x"), 50);
        socket.on("close", () => clearInterval(timer));
      },
      "MESSAGE_TIMEOUT",
    ],
    [
      "pours an endless body",
      (socket) => {
        socket.write(`${head}transfer-encoding: chunked\r\n\r\n`);
        pour(socket, `10000\r\n${"x".repeat(0x10000)}\r\n`);
      },
      "ANSWER_TOO_LARGE",
    ],
    [
      "sends endless headers",
      (socket) => {
        socket.write(head);
        pour(socket, `x-more: ${"y".repeat(60_000)}\r\n`);
      },
      "",
    ],
    ["answers garbage", (socket) => socket.end("\u0000\u0001 garbage\r\n\r\n"), ""],
    ["hangs up", (socket) => socket.destroy(), "OUTCOME_UNKNOWN"],
    [
      "breaks off in the middle",
      (socket) => socket.end(`${head}content-length: 1000\r\n\r\n{"message`),
      "OUTCOME_UNKNOWN",
    ],
    [
      "redirects inwards",
      (socket) =>
        socket.end("HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
      "RUNTIME_FAILED",
    ],
  ])("that %s costs one message and no more", async (_, onMessage, code) => {
    await using mesh = await createTestCoordinator();
    await using node = await startRawNode(mesh, onMessage);
    const begun = performance.now();
    const answer = await mesh.send("hello", { parts: { timeout_s: 1.5 } });
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(answer.status).toBeGreaterThanOrEqual(500);
    if (code !== "") expect(answer.body.code).toBe(code);
    // The coordinator is well, and holds no connection to it.
    expect((await mesh.call("GET", "/readyz")).status).toBe(200);
    for (let wait = 0; wait < 100 && node.openSockets() > 0; wait += 1) await Bun.sleep(20);
    expect(node.openSockets()).toBe(0);
  });
});
