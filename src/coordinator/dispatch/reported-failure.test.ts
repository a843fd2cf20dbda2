import { expect, test } from "bun:test";
import { FailureClass } from "../../protocol/failure.ts";
import { toReportedFailure } from "./reported-failure.ts";

const own = ["runtime_error", "timeout", "too_large", "refused"];

test.each(FailureClass.options)("a node that reports %s is believed only what it can know", (reported) => {
  const { class: taken, kind, message } = toReportedFailure({ class: reported, message: "x" });
  expect(message).toBe("x");
  if (own.includes(reported)) expect([taken, kind]).toEqual([reported, undefined]);
  else expect([taken, kind]).toEqual(["runtime_error", "internal"]);
});
