import { expect, test } from "bun:test";
import { toJsonText } from "./print.ts";

test("JSON keeps its value, and holds nothing that steers a terminal", () => {
  const value = { text: "a\u001b[2J\u009b31m\u202eevil\u2066\u2028 训练 👩‍💻", "key\u061c": [1, null] };
  const text = toJsonText(value);
  expect(JSON.parse(text)).toEqual(value);
  expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
  expect(text).toContain("训练 👩‍💻");
});
