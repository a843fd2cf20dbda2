import { describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { systemClock } from "../../../src/platform/clock.ts";
import { fetchCertificates, handshakeLimitMs } from "../../../src/platform/tls/handshake.ts";
import { createManualClock } from "../../support/manual-clock.ts";

/** Answers whatever comes with this; null: never. */
async function startServer(
  answer: string | null,
): Promise<AsyncDisposable & { readonly port: number; readonly connected: Promise<void> }> {
  const connected = Promise.withResolvers<void>();
  const server: Server = createServer((socket) => {
    connected.resolve();
    socket.on("error", () => socket.destroy());
    socket.on("data", () => (answer === null ? undefined : socket.end(answer)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    connected: connected.promise,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

const ask = (url: string, proxyUrl: string | null = null) =>
  fetchCertificates({ url, proxyUrl, clock: systemClock });

describe("a look at a coordinator's key", () => {
  test.each([
    "not a proxy",
    "https://user:secret@127.0.0.1:PORT",
    "socks5://127.0.0.1:PORT",
    "http://%zz@127.0.0.1:PORT",
  ])("says nothing to the proxy %s, and that it cannot be used", async (text) => {
    await using server = await startServer(null);
    const asked = ask("https://mesh.example.com", text.replace("PORT", String(server.port)));
    const error = await asked.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "USAGE", hint: expect.stringContaining("http://host:port") });
    expect(String(error)).not.toContain("secret");
  });

  test("ends with a hint where there is no TLS", async () => {
    await using server = await startServer("HTTP/1.1 400 Bad Request\r\n\r\n");
    await expect(ask(`https://127.0.0.1:${server.port}`)).rejects.toMatchObject({
      code: "COORDINATOR_UNREACHABLE",
      hint: expect.stringContaining("http://"),
    });
  });

  test.each(["", "\u0015\u0003\u0001\u0000\u0002\u0002F", "x".repeat(100_000)])(
    "ends where something else answers (case %#)",
    async (answer) => {
      await using server = await startServer(answer);
      await expect(ask(`https://127.0.0.1:${server.port}`)).rejects.toMatchObject({
        code: "COORDINATOR_UNREACHABLE",
      });
    },
  );

  test("ends after its limit where nobody answers", async () => {
    await using server = await startServer(null);
    const clock = createManualClock();
    const asking = fetchCertificates({ url: `https://127.0.0.1:${server.port}`, proxyUrl: null, clock });
    await server.connected;
    clock.advance(handshakeLimitMs);
    await expect(asking).rejects.toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
  });

  test.each([
    ["refuses", "HTTP/1.1 403 Forbidden\r\n\r\n", "PROXY_IN_THE_WAY"],
    ["asks for a password", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "PROXY_IN_THE_WAY"],
    ["says nothing", "", "COORDINATOR_UNREACHABLE"],
    ["never ends its answer", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(10_000)}`, "COORDINATOR_UNREACHABLE"],
    ["is none", "SSH-2.0-OpenSSH\r\n\r\n", "PROXY_IN_THE_WAY"],
  ])("through a proxy that %s", async (_, answer, code) => {
    await using proxy = await startServer(answer);
    const asking = ask("https://mesh.example.com", `http://127.0.0.1:${proxy.port}`);
    await expect(asking).rejects.toMatchObject({ code });
  });

  test("does not reach an address at which nobody listens", async () => {
    const server = await startServer(null);
    await server[Symbol.asyncDispose]();
    await expect(ask(`https://127.0.0.1:${server.port}`)).rejects.toMatchObject({
      code: "COORDINATOR_UNREACHABLE",
    });
  });
});
