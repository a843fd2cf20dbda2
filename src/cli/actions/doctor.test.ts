import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type CliBench, createCliBench, digits, nodeInfo } from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const health = { status: "ok", mesh_id: `mesh_${digits("d")}`, version: "1.2.3" };

describe("doctor", () => {
  test("tells each check, and ends with 1 when one failed", async () => {
    bench.handle((request, reply) => {
      if (request.path === "/healthz") reply.json({ ...health, version: "9.9.9" });
      else reply.json({ error: "no", code: "TOKEN_MISSING", hint: "h", request_id: "r" }, 401);
    });
    const { exitCode, stdout } = await bench.run(["doctor", "--json"]);
    expect(exitCode).toBe(1);
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { check: string; status: string }[] };
    expect(ok).toBe(false);
    expect(Object.fromEntries(checks.map(({ check, status }) => [check, status]))).toMatchObject({
      version: "ok",
      configuration: "ok",
      proxy: "ok",
      coordinator: "ok",
      token: "failed",
      coordinator_version: "warning",
      runtime: "skipped",
    });
  });

  test("takes a token that may not list the nodes for what it is: a good one", async () => {
    bench.handle((request, reply) => {
      if (request.path === "/healthz") reply.json(health);
      else reply.json({ error: "no", code: "SCOPE_MISSING", hint: "h", request_id: "r" }, 403);
    });
    const { exitCode, stdout } = await bench.run(["doctor", "--token", "cmt_sender"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^token +ok +accepted, from --token$/m);
    expect(stdout).toMatch(/^runtime +skipped +this token may not list the nodes/m);
  });

  test("names a few of many nodes that are not ready", async () => {
    const nodes = Array.from({ length: 30 }, (_, at) => nodeInfo({ name: `n${at}`, status: "offline" }));
    bench.handle((request, reply) => reply.json(request.path === "/healthz" ? health : nodes));
    const { stdout } = await bench.run(["doctor"]);
    expect(stdout.match(/^runtime .* n\d+: /gm)).toHaveLength(5);
    expect(stdout).toContain("25 more nodes are not ready");
  });

  test("tells a token and a place that cannot be read, and goes on", async () => {
    bench.handle((request, reply) => reply.json(request.path === "/healthz" ? health : [nodeInfo()]));
    const home = join(bench.directory, ".claw-mesh");
    const place = join(home, "nodes", health.mesh_id, "anna");
    await mkdir(place, { recursive: true, mode: 0o700 });
    const sockets = [join(home, "token"), join(place, "node.json")].map((unix) =>
      Bun.listen({ unix, socket: { data: () => undefined } }),
    );
    const { stdout } = await bench.run(["doctor", "--json"], { env: { HOME: bench.directory } });
    for (const socket of sockets) socket.stop(true);
    const { checks } = JSON.parse(stdout) as { checks: { check: string; message: string }[] };
    expect(checks).toContainEqual(
      expect.objectContaining({ check: "node", message: expect.stringContaining("no ordinary file") }),
    );
    expect(checks).toContainEqual(expect.objectContaining({ check: "coordinator", status: "ok" }));
  });

  test("is content with a healthy mesh", async () => {
    bench.handle((request, reply) => reply.json(request.path === "/healthz" ? health : [nodeInfo()]));
    const { exitCode, stdout } = await bench.run(["doctor"]);
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("failed");
    expect(stdout).toContain("1 node ready");
  });

  test("warns of a node that only echoes beside others, and says when there are only such", async () => {
    const echo = { kind: "echo", version: null, ready: true, reason: null, active: 0, queued: 0 };
    const doctorOf = async (...nodes: readonly object[]) => {
      bench.handle((request, reply) => reply.json(request.path === "/healthz" ? health : nodes));
      return (await bench.run(["doctor"])).stdout;
    };
    const echoing = nodeInfo({ name: "vps", runtimes: [echo] });
    const thinking = nodeInfo({ runtimes: [{ ...echo, kind: "openclaw" }] });
    expect(await doctorOf(echoing, thinking)).toContain("claw-mesh node cordon vps");
    expect(await doctorOf({ ...echoing, scheduling: "cordoned" }, thinking)).not.toContain("echo");
    expect(await doctorOf(echoing)).toMatch(/warning +echo nodes only: no AI will answer\n +→ /);
    expect(await doctorOf(thinking)).not.toContain("echo");
  });

  test("tells clocks that are apart", async () => {
    bench.handle((request, reply) => reply.json(request.path === "/healthz" ? health : [nodeInfo()]));
    // The time of the bench is a fixed one, the Date of its answers is not.
    const { stdout } = await bench.run(["doctor"]);
    expect(stdout).toMatch(/^clock +warning +\d+ s apart from the coordinator's\n +→ .*NTP/m);
  });

  test("names the nodes of another version, the first few", async () => {
    const nodes = [1, 2, 3, 4, 5, 6, 7].map((n) => nodeInfo({ name: `n${n}`, version: "0.0.9" }));
    bench.handle((request, reply) => reply.json(request.path === "/healthz" ? health : nodes));
    const { stdout } = await bench.run(["doctor"]);
    expect(stdout).toMatch(
      /^node versions +warning +n1 0\.0\.9, .*n5 0\.0\.9 and 2 more, coordinator 1\.2\.3$/m,
    );
  });

  test("does not send who reaches nothing back to itself", async () => {
    const { stdout } = await bench.run(["doctor", "--coordinator", "http://127.0.0.1:1"]);
    expect(stdout).toContain("claw-mesh up");
    expect(stdout).not.toContain("claw-mesh doctor");
  });
});
