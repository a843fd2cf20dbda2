import { describe, expect, test } from "bun:test";
import { splitCommand } from "./split-command.ts";

describe("a command is split", () => {
  const cases: readonly (readonly [string, readonly string[] | null])[] = [
    ["openclaw acp", ["openclaw", "acp"]],
    ["  gemini   --experimental-acp\t", ["gemini", "--experimental-acp"]],
    [`'/opt/my agent/run' --name "a b"`, ["/opt/my agent/run", "--name", "a b"]],
    [`run --say 'it "works"' "it's so"`, ["run", "--say", 'it "works"', "it's so"]],
    [`run a\\ b \\"c\\" "d \\"e\\""`, ["run", "a b", '"c"', 'd "e"']],
    [`"C:\\Program Files\\agent.exe" C:\\x`, ["C:\\Program Files\\agent.exe", "C:\\x"]],
    ["run '' \"\"", ["run", "", ""]],
    ["run pre'mid'post", ["run", "premidpost"]],
    [
      "run $HOME `id` $(id) ; rm * | x > y & # z",
      [..."run $HOME `id` $(id) ; rm * | x > y & # z".split(" ")],
    ],
    ["run {message}", ["run", "{message}"]],
    ["run 'open", null],
    ['run "open', null],
    ["", null],
    ["   ", null],
    ["'' x", null],
  ];
  test.each(cases)("%s", (text, words) => {
    expect(splitCommand(text)).toEqual(words);
  });
});
