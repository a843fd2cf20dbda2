import { describe, expect, test } from "bun:test";
import { Secret } from "../../protocol/secret.ts";
import { matchConnectionOutcome } from "../connection-outcome.ts";
import { matchStatusFailure, matchStreamFailure, tidyMessage } from "./failure-map.ts";
import { isErrorBody, readServerError } from "./server-error.ts";

const at = "http://127.0.0.1:1";
const asked = { location: at };
const silent = readServerError(undefined);
const said = (message: string, code?: string | number) => readServerError({ error: { message, code } });

describe("an answer with an error status", () => {
  const kinds = [
    [400, "bad_request"],
    [401, "auth"],
    [402, "quota"],
    [403, "auth"],
    [404, "bad_request"],
    [405, "bad_request"],
    [408, "overloaded"],
    [413, "bad_request"],
    [422, "bad_request"],
    [429, "overloaded"],
    [301, "bad_request"],
    [500, "internal"],
    [501, "internal"],
    [502, "overloaded"],
    [503, "overloaded"],
    [504, "overloaded"],
    [529, "overloaded"],
  ] as const;
  for (const [status, kind] of kinds) {
    test(`${status} is ${kind}`, () => {
      expect(matchStatusFailure(status, silent, asked)).toMatchObject({ class: "runtime_error", kind });
    });
  }

  test("429 is quota when the account is used up", () => {
    expect(matchStatusFailure(429, said("no credit", "insufficient_quota"), asked).kind).toBe("quota");
  });

  test("tells what the server said, but not about keys", () => {
    expect(matchStatusFailure(400, said("the model is asleep"), asked).message).toContain(
      "the model is asleep",
    );
    expect(matchStatusFailure(401, said("your key abc"), asked).message).not.toContain("abc");
  });

  test("a 404 without words says how OpenClaw's endpoint is enabled", () => {
    expect(matchStatusFailure(404, silent, asked).message).toContain(
      "gateway.http.endpoints.chatCompletions",
    );
    expect(matchStatusFailure(404, said("no such model", "model_not_found"), asked).message).not.toContain(
      "gateway.",
    );
  });

  test("a 404 of the other path names the other key", () => {
    const { message } = matchStatusFailure(404, silent, { location: at, path: "/v1/responses" });
    expect(message).toContain("gateway.http.endpoints.responses.enabled");
  });

  test("vouches that nothing was done only for a gateway that is draining", () => {
    expect(matchStatusFailure(503, said("draining", "gateway_unavailable"), asked).nothing_done).toBe(true);
    expect(matchStatusFailure(503, silent, asked).nothing_done).toBeUndefined();
    expect(matchStatusFailure(429, silent, asked).nothing_done).toBeUndefined();
  });
});

describe("an error inside a stream", () => {
  test("gets its kind from the type, the code or the status in its body, and else is internal", () => {
    const kindOf = (body: object) => matchStreamFailure(readServerError(body), at).kind;
    expect(kindOf({ error: { message: "m", type: "overloaded_error" } })).toBe("overloaded");
    expect(kindOf({ error: { message: "m", type: "x", code: "context_length_exceeded" } })).toBe(
      "bad_request",
    );
    expect(kindOf({ error: { message: "m", code: 429 } })).toBe("overloaded");
    expect(kindOf({ object: "error", message: "m", code: 401 })).toBe("auth");
    expect(kindOf({ error: "out of memory" })).toBe("internal");
  });
});

describe("a connection that ended without an answer", () => {
  test("was refused when it was never made", () => {
    for (const code of [
      "ECONNREFUSED",
      "ENOTFOUND",
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ]) {
      expect(matchConnectionOutcome(code, at)).toMatchObject({
        kind: "failed",
        failure: { class: "refused" },
      });
    }
  });

  test("leaves the outcome unknown otherwise", () => {
    for (const code of ["ECONNRESET", "ETIMEDOUT", null]) {
      expect(matchConnectionOutcome(code, at)).toMatchObject({ kind: "lost", started: true, fenced: false });
    }
  });
});

describe("the error body of a server", () => {
  test("is read in all the usual shapes", () => {
    expect(readServerError({ error: { message: "a", type: "B", code: "C" } })).toEqual({
      message: "a",
      words: ["b", "c"],
      status: null,
    });
    expect(readServerError({ error: "a" }).message).toBe("a");
    expect(readServerError({ detail: "a" }).message).toBe("a");
    expect(readServerError({ message: "a", code: 503 })).toEqual({ message: "a", words: [], status: 503 });
    for (const odd of [null, 1, "text", [], { error: 7 }, { error: { message: 7 } }, { detail: [{}] }]) {
      expect(readServerError(odd).message).toBeNull();
    }
  });

  test("is told from an answer", () => {
    expect(isErrorBody({ error: {} })).toBe(true);
    expect(isErrorBody({ object: "error" })).toBe(true);
    expect(isErrorBody({ error: null, choices: [] })).toBe(false);
    expect(isErrorBody({ choices: [] })).toBe(false);
    expect(isErrorBody("error")).toBe(false);
  });
});

describe("a message that another program had a part in", () => {
  test("loses the key and everything that looks like one", () => {
    expect(tidyMessage("key 12345 and sk-proj-abcdef99 and Bearer xyz", [new Secret("12345")])).toBe(
      "key *** and *** and Bearer ***",
    );
  });

  test("becomes one line of bounded length", () => {
    expect(tidyMessage("a\r\n\tb\u0000c", [])).toBe("a b c");
    expect(tidyMessage("x".repeat(10_000), []).length).toBe(500);
  });
});
