import { expect, test } from "bun:test";
import { silentLog } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import { errorAnswer, jsonAnswer } from "./answers.ts";

test("an answer with headers of its own changes none of the others'", () => {
  expect(jsonAnswer(200, {}, { "x-test": "1" }).headers.get("x-test")).toBe("1");
  expect(jsonAnswer(200, {}).headers.get("x-test")).toBeNull();
});

test.each([
  [
    "what the error says, rounded up",
    new MeshError("TOO_MANY_TRIES", "x", { details: { retry_after_s: 7.2 } }),
    "8",
  ],
  ["at least a second", new MeshError("RATE_LIMITED", "x", { details: { retry_after_s: 0 } }), "1"],
  ["a little while where it passes by itself", new MeshError("TOO_MANY_REQUESTS", "x"), "2"],
  ["nothing where waiting does not help", new MeshError("TOKEN_INVALID", "x"), null],
])("Retry-After is %s", (_, error, waitS) => {
  expect(errorAnswer(error, "req_x", silentLog).headers.get("retry-after")).toBe(waitS);
});
