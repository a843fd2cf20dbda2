import { describe, expect, test } from "bun:test";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import { hasVariable, setVariable } from "./dot-env.ts";

describe("a file of variables", () => {
  test("gets a variable behind what it has, and loses an earlier value", () => {
    const key = new Secret("sk-new");
    expect(setVariable("", "KEY", key)).toBe("KEY=sk-new\n");
    expect(setVariable("# mine\nA=1\nexport KEY=old\nB=2\n\n", "KEY", key)).toBe(
      "# mine\nA=1\nB=2\nKEY=sk-new\n",
    );
    expect(setVariable("KEY_2=x\n", "KEY", key)).toBe("KEY_2=x\nKEY=sk-new\n");
  });

  test("keeps the ends of its lines", () => {
    expect(setVariable("A=1\r\nB=2\r\n", "KEY", new Secret("sk"))).toBe("A=1\r\nB=2\r\nKEY=sk\r\n");
  });

  test("quotes what would end a value early, and refuses what no key has", () => {
    expect(setVariable("", "KEY", new Secret("a#b c$d"))).toBe("KEY='a#b c$d'\n");
    for (const bad of ["a\nB=1", "it's", "ключ"]) {
      expect(() => setVariable("", "KEY", new Secret(bad))).toThrow(MeshError);
    }
  });

  test.each([
    ["KEY=x", true],
    ["  export KEY = x", true],
    ["KEY=", false],
    ['KEY=""', false],
    ["KEY= # none", false],
    ['KEY="" # none', false],
    ["KEY=x # some", true],
    ["# KEY=x", false],
    ["KEY_2=x", false],
  ])("%j has the variable: %p", (text, has) => {
    expect(hasVariable(`A=1\n${text}\n`, "KEY")).toBe(has);
  });
});
