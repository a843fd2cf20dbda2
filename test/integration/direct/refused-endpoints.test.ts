import { describe, expect, test } from "bun:test";
import { registerClassic } from "../../support/classic-node.ts";
import { createTestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

describe("an endpoint", () => {
  test.each([
    ["127.0.0.1:9121"],
    ["localhost:9121"],
    ["192.168.1.5:9121"],
    ["10.1:9121"],
    ["100.64.0.1:9121"],
    ["[::1]:9121"],
    ["[fd00::1]:9121"],
    ["[::ffff:10.0.0.1]:9121"],
    ["0x7f000001:9121"],
  ])("at %p is refused without --allow-private, and the hint says so", async (endpoint) => {
    await using mesh = await createTestCoordinator({ allowPrivate: false });
    const answer = await registerClassic(`http://127.0.0.1:${mesh.port()}`, mesh.token, {
      name: "n",
      endpoint,
    });
    expect(answer.status).toBe(400);
    const body = (await answer.json()) as { code: string; hint: string };
    expect(body.code).toBe("ENDPOINT_REFUSED");
    expect(body.hint).toContain("--allow-private");
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toEqual([]);
  });

  test.each([
    ["169.254.169.254:80"],
    ["[fd00:ec2::254]:80"],
    ["0.0.0.0:9121"],
    ["[::]:9121"],
    ["224.0.0.1:9121"],
    ["255.255.255.255:9121"],
    ["2852039166:80"],
    ["no-such-name.invalid:9121"],
    ["127.0.0.1"],
    ["http://127.0.0.1:9121"],
    ["127.0.0.1:9121/x"],
    ["user@127.0.0.1:9121"],
    ["127.0.0.1:0"],
  ])("at %p is refused in any case", async (endpoint) => {
    await using mesh = await createTestCoordinator({ allowPrivate: true });
    const answer = await registerClassic(`http://127.0.0.1:${mesh.port()}`, mesh.token, {
      name: "n",
      endpoint,
    });
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { code: string }).code).toBe("ENDPOINT_REFUSED");
  });

  test("that was allowed before is not called any more when private addresses are not", async () => {
    await using mesh = await createTestCoordinator({ allowPrivate: true });
    let calls = 0;
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => {
        calls += 1;
        return Response.json({ status: "ok" });
      },
    });
    try {
      const endpoint = `127.0.0.1:${server.port}`;
      await registerClassic(`http://127.0.0.1:${mesh.port()}`, mesh.token, { name: "n", endpoint });
      await until("its first probe", () => Promise.resolve(calls > 0));
      await mesh.restart({ allowPrivate: false });
      const before = calls;
      expect((await mesh.send("hello", { parts: { timeout_s: 1 } })).status).toBeGreaterThanOrEqual(500);
      expect(calls).toBe(before);
    } finally {
      await server.stop(true);
    }
  });
});
