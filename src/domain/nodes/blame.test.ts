import { expect, test } from "bun:test";
import { FailureClass, RuntimeErrorKind } from "../../protocol/failure.ts";
import { blameOf } from "./blame.ts";

test("a node is blamed for what its runtime fails at and for runs it lost, and for nothing else", () => {
  const classes = FailureClass.options.map((name) => [name, blameOf({ class: name, message: "" })] as const);
  expect(classes.filter(([, cause]) => cause !== null)).toEqual([["lost_after_start", "lost_after_start"]]);
  const kinds = RuntimeErrorKind.options.filter(
    (kind) => blameOf({ class: "runtime_error", kind, message: "" }) !== null,
  );
  expect(kinds.sort()).toEqual(["auth", "internal", "overloaded", "quota"]);
});

test("a kind beside another class says nothing", () => {
  expect(blameOf({ class: "timeout", kind: "internal", message: "" })).toBeNull();
});
