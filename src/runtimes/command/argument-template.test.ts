import { describe, expect, test } from "bun:test";
import { findTemplateProblem, hasUnguardedText, planArguments } from "./argument-template.ts";

const session = { key: "a".repeat(32), name: "the lake" };
const plan = (template: readonly string[], content: string, inSession = false) => {
  const planned = planArguments(template, { content, session: inSession ? session : null });
  return planned.kind === "planned" ? planned.arguments : planned.reason;
};

describe("arguments of a program", () => {
  test.each([
    ["the message, wherever it stands", ["-m", "{message}", "x={message}"], "hi", ["-m", "hi", "x=hi"]],
    [
      "no placeholder that the message brings along",
      ["{message}"],
      "{session}{message}",
      ["{session}{message}"],
    ],
    ["nothing of a session that is not there", ["-s", "{session}", "--n={session_name}", "a"], "hi", ["a"]],
    ["no flag that belongs to something else", ["-v", "--n={session}", "a"], "hi", ["-v", "a"]],
    ["-- although a session would have followed it", ["--", "{session}", "a"], "hi", ["--", "a"]],
    ["a space before what could be a flag", ["-m", "{message}"], "-rf", ["-m", " -rf"]],
    ["the message as it is behind --", ["--", "{message}"], "-rf", ["--", "-rf"]],
    [
      "a space behind the -- of a wrapper",
      ["--", "prog", "{message}"],
      "--exec=id",
      ["--", "prog", " --exec=id"],
    ],
    ["the messages as they are behind one --", ["--", "{message}", "{message}"], "-a", ["--", "-a", "-a"]],
    ["the message as it is behind its flag", ["--m={message}"], "-rf", ["--m=-rf"]],
    ["an unknown placeholder as it is", ["{prompt}"], "hi", ["{prompt}"]],
  ])("have %s", (_, template, content, expected) => {
    expect(plan(template, content)).toEqual(expected);
  });

  test("have key and name of a session", () => {
    const template = ["-s", "{session}", "--name={session_name}"];
    expect(plan(template, "hi", true)).toEqual(["-s", session.key, "--name=the lake"]);
  });

  test("are as long as the system takes them, in bytes, and no longer", () => {
    expect(plan(["{message}"], "x".repeat(131_071))).toBeArray();
    expect(plan(["{message}"], "x".repeat(131_072))).toContain("use input stdin");
    expect(plan(["{message}"], "é".repeat(65_536))).toContain("use input stdin");
    expect(plan(["{message}"], "a\0b")).toContain("use input stdin");
  });
});

describe("a template", () => {
  test("has the message where the input says that it is", () => {
    expect(findTemplateProblem(["agent", "{message}"], "argument")).toBeNull();
    expect(findTemplateProblem(["agent", "-q"], "stdin")).toBeNull();
    expect(findTemplateProblem(["agent", "-q"], "argument")).toContain("add it, or use input stdin");
    expect(findTemplateProblem(["agent", "{message}"], "stdin")).toContain("use input argument");
  });

  test.each([
    [["sh", "-c", "agent {message}"]],
    [["/bin/bash", "-lc", "agent '{message}'"]],
    [["bash", "-o", "pipefail", "-c", "agent {message}"]],
    [["bash", "-c", "-o", "pipefail", "agent {message}"]],
    [["env", "A=1", "zsh", "-ec", "agent {message}"]],
    [["sudo", "-u", "agent", "sh", "-c", "agent {message}"]],
    [["sh", "-c", "agent {session_name}", "sh", "{message}"]],
    [["su", "agent", "-c", "agent {message}"]],
    [["cmd.exe", "/c", "agent {message}"]],
    [["pwsh", "-Command", "agent {message}"]],
    [["python3.13", "-c", "print('{message}')"]],
    [["node", "-e", "console.log('{message}')"]],
    [["perl", "-e", "print '{message}'"]],
    [["ssh", "host", "agent", "-m", "{message}"]],
  ])("is refused where a text of others would be code: %j", (command) => {
    expect(findTemplateProblem(command, "argument")).toContain("as code");
  });

  test.each([
    [["sh", "-c", 'agent "$1"', "sh", "{message}"]],
    [["sh", "-c", 'agent -s {session} "$1"', "sh", "{message}"]],
    [["sh", "agent.sh", "{message}"]],
    [["agent", "-c", "{message}"]],
    [["python3", "agent.py", "-m", "{message}"]],
    [["node", "agent.js", "--", "{message}"]],
    [["node", "--no-warnings", "agent.js", "-p", "{message}"]],
    [["bash", "agent.sh", "-c", "{message}"]],
  ])("is fine where it is an argument: %j", (command) => {
    expect(findTemplateProblem(command, "argument")).toBeNull();
  });

  test("is warned of where a message could become a flag", () => {
    expect(hasUnguardedText(["-m", "{message}"])).toBe(true);
    expect(hasUnguardedText(["--name", "{session_name}", "--", "{message}"])).toBe(true);
    expect(hasUnguardedText(["--session={session}", "--", "{message}"])).toBe(false);
    expect(hasUnguardedText(["--m={message}"])).toBe(false);
  });
});
