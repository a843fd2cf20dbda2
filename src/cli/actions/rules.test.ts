import { afterEach, beforeEach, expect, test } from "bun:test";
import { type CliBench, createCliBench, digits } from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

test("a rule is added as it was typed", async () => {
  bench.handle(({ body }, reply) => reply.json({ ...body, id: `rule_${digits("c")}`, origin: "api" }, 201));
  const { stdout } = await bench.run([
    "route",
    "add",
    "--match",
    "gpu:true",
    "--target",
    "a,b",
    "--strategy",
    "fastest",
  ]);
  expect(stdout).toBe(`Rule added: rule_${digits("c")}\n`);
  expect(bench.requests[0]?.body).toEqual({
    match: { requires_gpu: true },
    targets: ["a", "b"],
    strategy: "fastest",
  });
});

test("a rule that refuses is added and listed as such", async () => {
  const rule = { id: `rule_${digits("c")}`, origin: "api", match: { untrusted: true }, refuse: true };
  bench.handle(({ method }, reply) => (method === "POST" ? reply.json(rule, 201) : reply.json([rule])));
  await bench.run(["route", "add", "--match", "untrusted:true", "--refuse"]);
  expect(bench.requests[0]?.body).toEqual({ match: { untrusted: true }, refuse: true });
  const { stdout } = await bench.run(["route", "list"]);
  expect(stdout).toMatch(/untrusted:true +refused/);
});

test("what looks wrong about a rule is told beside the result", async () => {
  const rule = { id: `rule_${digits("c")}`, origin: "api", match: { wildcard: true } };
  bench.handle((_, reply) => reply.json({ ...rule, warnings: ["nobody\u001b[31m is there"] }, 201));
  const { exitCode, stdout, stderr } = await bench.run(["route", "add", "--match", "*"]);
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 0,
    stdout: `Rule added: ${rule.id}\n`,
    stderr: "Warning: nobody is there\n",
  });
});
