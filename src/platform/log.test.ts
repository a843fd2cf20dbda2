import { expect, test } from "bun:test";
import { Secret } from "../protocol/secret.ts";
import { createLog } from "./log.ts";

function collect(format: "text" | "json") {
  const lines: string[] = [];
  return { lines, log: createLog({ write: (line) => lines.push(line), format, level: "info" }) };
}

test("a text line carries time, level, message and facts", () => {
  const { lines, log } = collect("text");
  log.child({ mesh: "mesh_1" }).info("coordinator listening on :9180", { nodes: 3, name: "mac mini" });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}coordinator listening on :9180 mesh=mesh_1 nodes=3 name="mac mini"\n$/,
  );
});

test("secrets are redacted at any depth", () => {
  const { lines, log } = collect("json");
  log.warn("refused", {
    token: "abc",
    request: { headers: { Authorization: "Bearer abc" } },
    list: [{ password: "abc" }],
  });
  expect(lines.join("")).not.toContain("abc");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "warn", message: "refused", token: "***" });
});

test("secrets are redacted by their shape, in messages, texts of facts and errors", () => {
  for (const format of ["text", "json"] as const) {
    const { lines, log } = collect(format);
    log.child({ url: "http://ada:hunter2@host" }).error("refused Bearer hunter2", {
      reason: "key sk-hunter2222",
      error: new Error("with cmn_hunter2hunter2"),
      value: new Secret("hunter2"),
    });
    expect(lines.join("")).not.toContain("hunter2");
  }
});

test("text of others cannot start a line of its own", () => {
  const { lines, log } = collect("text");
  log.info("node said", { reason: "a\nb\u001b[31mc" });
  log.info("x\ny");
  expect(lines.map((line) => line.split("\n").length)).toEqual([2, 2]);
  expect(lines.join("")).not.toContain("\u001b");
});

test("lines below the level are not written", () => {
  const { lines, log } = collect("text");
  log.debug("quiet");
  expect(lines).toEqual([]);
});
