import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type CliBench, createCliBench, nodeInfo } from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("status and nodes", () => {
  test.each(["nodes", "status"])(
    "%s tells of a node that fails too often, and when it is tried again",
    async (command) => {
      const breakers = [
        { cause: "auth", open_until: "2026-11-22T16:00:11.200Z" },
        { cause: "lost_after_start", open_until: null },
      ];
      const offline = nodeInfo({ name: "away", status: "offline", breakers });
      bench.handle((_, reply) => reply.json([nodeInfo({ breakers }), offline, nodeInfo({ name: "well" })]));
      const { stdout } = await bench.run([command]);
      expect(stdout).toContain("mac-mini is failing too often (auth), next try in 12 s\n");
      expect(stdout).toContain(
        "mac-mini is failing too often (lost_after_start), tried again with one message at a time\n",
      );
      expect(stdout).toMatch(/ mac-mini +online, failing /);
      expect(stdout.match(/failing too often/g)).toHaveLength(2);
    },
  );

  test("status and nodes keep the wording of the classic tool", async () => {
    bench.handle((_, reply) => reply.json([]));
    expect((await bench.run(["nodes"])).stdout).toBe("No nodes registered.\n");
    expect((await bench.run(["route", "list"])).stdout).toBe("No routing rules configured.\n");
    const nodes = [
      nodeInfo(),
      nodeInfo({ name: "b", status: "busy" }),
      nodeInfo({ name: "c", status: "offline" }),
    ];
    bench.handle((_, reply) => reply.json(nodes));
    const { stdout } = await bench.run(["status"]);
    expect(stdout).toStartWith(`Mesh: ${bench.url}\nNodes: 3 total (1 online, 1 busy, 1 offline)\n`);
    for (const header of ["ID", "NAME", "STATUS", "ENDPOINT", "OS/ARCH", "GPU", "SKILLS"]) {
      expect(stdout).toMatch(new RegExp(`(?:^|\\s)${header}(?:\\s|$)`, "m"));
    }
  });

  test("--json is what the API said", async () => {
    bench.handle((_, reply) => reply.json([nodeInfo()]));
    expect(JSON.parse((await bench.run(["nodes", "--json"])).stdout)).toEqual([nodeInfo()]);
    expect(JSON.parse((await bench.run(["--json", "status"])).stdout)).toMatchObject({
      mesh: bench.url,
      counts: { total: 1, online: 1 },
    });
  });

  test("a node that is not ready says why, and cannot steer the terminal", async () => {
    bench.handle((_, reply) =>
      reply.json([nodeInfo({ ready: false, reason: "gateway \u001b[31mdown\nevil" })]),
    );
    const { stdout } = await bench.run(["nodes"]);
    expect(stdout).toContain("mac-mini is not ready: gateway down evil\n");
    expect(stdout).not.toContain("\u001b");
  });
});
