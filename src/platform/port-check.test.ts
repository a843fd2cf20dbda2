import { expect, test } from "bun:test";
import { checkPort } from "./port-check.ts";

test("a port is free, taken, or of an address that this machine does not have", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  expect(await checkPort("127.0.0.1", server.port)).toEqual({ kind: "taken" });
  const { port } = server;
  server.stop(true);
  expect(await checkPort("127.0.0.1", port)).toEqual({ kind: "free" });
  // Addresses for documentation.
  expect(await checkPort("192.0.2.1", port)).toEqual({ kind: "unusable", code: "EADDRNOTAVAIL" });
});
