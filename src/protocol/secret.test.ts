import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { distinctSecrets, Secret, toSecret } from "./secret.ts";

const secret = new Secret("hunter2");

/** Every way that text is made of a value by accident. */
const ways: readonly (readonly [string, () => unknown])[] = [
  ["a template", () => `${secret}`],
  ["a sum", () => `a${String(secret)}`],
  ["a join", () => [secret].join()],
  ["JSON", () => JSON.stringify({ secret, list: [secret] })],
  ["inspect", () => inspect({ secret }, { showHidden: true, depth: 9 })],
  ["Bun's inspect", () => Bun.inspect({ secret })],
  ["a format", () => Bun.inspect([secret, new Map([["a", secret]])])],
  ["its keys and values", () => [Object.entries(secret), Object.getOwnPropertyNames(secret)].join()],
  ["a spread", () => JSON.stringify({ ...secret })],
  ["an error", () => String(new Error(`${secret}`))],
  ["a URL", () => String(new URL(`http://host/?a=${secret}`))],
  ["headers", () => JSON.stringify([...new Headers({ a: String(secret) })])],
  ["a clone", () => inspect(structuredClone({ secret }))],
];

describe("a secret", () => {
  test.each(ways)("does not come out of %s", (_name, toText) => {
    expect(String(toText())).not.toContain("hunter2");
  });

  test("is given away by one method only", () => {
    expect(secret.reveal()).toBe("hunter2");
    expect(toSecret(null)).toBeNull();
    expect(toSecret("hunter2")?.reveal()).toBe("hunter2");
  });

  test("is told from others by its text", () => {
    const list = ["a", "b", "a"].map((text) => new Secret(text));
    expect(distinctSecrets(list).map((one) => one.reveal())).toEqual(["a", "b"]);
  });
});
