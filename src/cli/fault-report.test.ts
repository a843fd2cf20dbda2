import { describe, expect, test } from "bun:test";
import { renderFault } from "./fault-report.ts";

const report = (
  error: unknown,
  parts: { args?: readonly string[]; env?: Record<string, string>; isDetailed?: boolean } = {},
) => renderFault(error, { args: [], env: {}, isDetailed: false, ...parts });

describe("the report of a fault", () => {
  test("is one line that names it a fault of claw-mesh, with its code, kind, text and place", () => {
    const line = report(new TypeError("x is\nnot a function"));
    expect(line).toMatch(
      /^claw-mesh ended by a fault of its own \(INTERNAL\): TypeError: x is not a function at .+fault-report\.test\.ts:\d+.*; please report it$/,
    );
  });

  test("goes on with the stack when it is asked for", () => {
    const [first, ...stack] = report(new Error("odd"), { isDetailed: true }).split("\n");
    expect(first).toContain("INTERNAL");
    expect(stack.join("\n")).toMatch(/\n\s+at .+fault-report\.test\.ts/);
  });

  test.each([undefined, null, "text", { a: 1 }])("tells of %p, which is no error", (thrown) => {
    expect(report(thrown)).toContain("INTERNAL");
  });

  const secrets: readonly [string, string, Parameters<typeof report>[1]][] = [
    ["an argument", "s3cret+odd", { args: ["up", "--token", "s3cret+odd"] }],
    ["an argument after an equals sign", "s3cret+odd", { args: ["join", "--gateway-token=s3cret+odd"] }],
    ["a variable", "from-the-env", { env: { CLAW_MESH_TOKEN: "from-the-env" } }],
    ["a node token", "cmn_0123456789abcdef", {}],
    ["an invite", "cmi_0123456789abcdef", {}],
    ["a token that claw-mesh made", "0123456789abcdef".repeat(2), {}],
  ];
  test.each(secrets)("holds no secret: %s", (_what, secret, parts) => {
    const fault = new Error(`401 from http://host/?token=${secret} with ${secret}`);
    expect(report(fault, { ...parts, isDetailed: true })).not.toContain(secret);
  });

  test("keeps the ids by which a fault is traced", () => {
    const task = `task_${"0123456789abcdef".repeat(2)}`;
    expect(report(new Error(`no row of ${task}`))).toContain(task);
  });
});
