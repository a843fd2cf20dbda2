import { expect, test } from "bun:test";
import type { Requirements } from "../../protocol/capability.ts";
import { parseRequirements, printRequirements } from "./requirement-text.ts";

test.each<[string, Requirements, string]>([
  ["", {}, ""],
  [
    "gpu,os=darwin,skill=docker",
    { gpu: true, os: "darwin", skills: ["docker"] },
    "gpu,os=darwin,skill=docker",
  ],
  ["skill=a, skill=b+c", { skills: ["a", "b", "c"] }, "skill=a,skill=b,skill=c"],
  [
    "any-skill=a+b,tag=home,tag=work",
    { any_skill: ["a", "b"], tags: ["home", "work"] },
    "any-skill=a+b,tag=home,tag=work",
  ],
  ["memory>=32", { min_memory_gb: 32 }, "memory>=32"],
  ["memory=32gb,arch:arm64", { min_memory_gb: 32, arch: "arm64" }, "arch=arm64,memory>=32"],
  [
    "GPU=true,group=Macs,runtime=OpenClaw",
    { gpu: true, group: "Macs", runtime: "openclaw" },
    "gpu,group=Macs,runtime=openclaw",
  ],
  ["skill=c\\+\\+", { skills: ["c++"] }, "skill=c\\+\\+"],
])("reads %s", (text, expected, printed) => {
  expect(parseRequirements(text)).toEqual(expected);
  expect(printRequirements(expected)).toBe(printed);
  expect(parseRequirements(printed)).toEqual(expected);
});

test.each([
  ["gppu", 'unknown condition "gppu"', 'Did you mean "gpu"?'],
  ["os=linux,os=darwin", "given twice", "once"],
  ["gpu=false", "can only be true", "leave it out"],
  ["memory", "not an amount", "memory>=32"],
  ["runtime=clippy", "runtime", "--help"],
])("refuses %s", (text, message, hint) => {
  expect(() => parseRequirements(text)).toThrow(
    expect.objectContaining({
      code: "USAGE",
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    }),
  );
});
