/** A server that looks like every gateway: it gives up its rights, prints its port, and then all that it is sent, one a line. */
import { writeSync } from "node:fs";

/** The `foreignUid` of the tests; this program imports nothing that another user may not read. */
const uid = 54_321;
const write = (line: string) => void writeSync(1, `${line}\n`);

process.setuid?.(uid);
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(Bun.argv[2] ?? 0),
  fetch: async (request, self) => {
    const { pathname } = new URL(request.url);
    write(
      `${request.method} ${pathname} ${request.headers.get("authorization") ?? ""} ${await request.text()}`,
    );
    if (self.upgrade(request)) return undefined;
    if (pathname === "/v1/models") return Response.json({ data: [{ id: "m", owned_by: "hermes" }] });
    if (pathname === "/health") {
      const hermes = { status: "ok", platform: "hermes-agent", version: "0.19.2" };
      return Response.json({ ...hermes, require_pairing: true });
    }
    if (pathname === "/api/status") return Response.json({ version: "0.8.4", model: "m" });
    return new Response("Not Found", { status: 404 });
  },
  websocket: {
    open: (socket) =>
      void socket.send(
        JSON.stringify({ type: "event", event: "connect.challenge", payload: { nonce: "n" } }),
      ),
    message: (_, message) => write(`message ${message}`),
  },
});
write(`listening ${server.port}`);
