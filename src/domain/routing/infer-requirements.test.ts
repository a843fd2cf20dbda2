import { describe, expect, test } from "bun:test";
import { skillTable } from "../../node/skill-table.ts";
import { createVocabulary, inferRequirements, maxInferredNeeds, maxOwnWords } from "./infer-requirements.ts";
import { toolNames } from "./inference-terms.ts";
import { groupOf, meshOf, nodeOf } from "./mesh-fixture.ts";
import { createMeshIndex } from "./mesh-index.ts";
import { maxScannedLength } from "./term-matcher.ts";

const mesh = meshOf(
  [
    nodeOf({
      name: "box",
      skills: ["docker", "git", "make", "go", "k8s", "Video-Edit"],
      tags: ["studio", "视频", "码"],
    }),
    nodeOf({ name: "mac", os: "darwin", skills: ["xcode", "git"], tags: ["home"] }),
  ],
  [groupOf("render-farm", { nodes: ["box"] }), groupOf("everyone", { nodes: ["box", "mac"] })],
);
const noRuleWords = { abilities: new Set<string>(), groups: new Set<string>() };
const vocabulary = createVocabulary(createMeshIndex(mesh), noRuleWords);
const infer = (text: string) => inferRequirements(text, vocabulary).map(({ need }) => need.text);

describe("what the text of a message hints at", () => {
  test.each<[string, readonly string[]]>([
    ["Train a model on these pictures", ["gpu"]],
    ["please FINE-TUNE it", ["gpu"]],
    ["fine  tuning and finetuning", ["gpu"]],
    ["is CUDA there? nvidia-smi says no", ["gpu"]],
    ["我想训练一个模型", ["gpu"]],
    ["显卡够不够", ["gpu"]],
    ["build the iOS app and push it to TestFlight", ["os=darwin"]],
    ["在苹果电脑上打包", ["os=darwin"]],
    ["帮我写一个iOS应用", ["os=darwin"]],
    ["用SwiftUI写界面", ["os=darwin"]],
    ["write a PowerShell script", ["os=windows"]],
    ["restart it with systemctl", ["os=linux"]],
    ["open Xcode", ["os=darwin", "skill=xcode"]],
    ["docker_compose up", ["skill=docker"]],
    ["在docker里运行", ["skill=docker"]],
    ["video edit, please", ["skill=video-edit"]],
    ["go to the Studio", ["tag=studio"]],
    ["剪一段视频", ["tag=视频"]],
    ["k8s is down", ["skill=k8s"]],
    ["send it to the render farm", ["group=render-farm"]],
  ])("%s", (text, expected) => {
    expect(infer(text)).toEqual([...expected]);
  });

  test.each([
    ["a word inside another", "dockerize the trainer, cudaless as a barracuda"],
    ["a part of a phrase", "take the train and model a car"],
    ["everyday words that are also tools", "make me a plan and go home"],
    ["what every node has", "git is fun for everyone"],
    ["terms that are too short", "码农 go"],
    ["nothing", "What's the weather tomorrow?"],
  ])("is nothing: %s", (_why, text) => {
    expect(infer(text)).toEqual([]);
  });

  test("names the term that says so, and each need once", () => {
    expect(inferRequirements("cuda, CUDA and a GPU", vocabulary)).toEqual([
      { need: { kind: "gpu", value: "", text: "gpu" }, because: "cuda" },
    ]);
  });

  test("counts what a rule asks for even if every node has it", () => {
    const words = { abilities: new Set(["git"]), groups: new Set(["everyone"]) };
    const withRules = createVocabulary(createMeshIndex(mesh), words);
    const found = inferRequirements("git is fun for everyone", withRules).map(({ need }) => need.text);
    expect(found).toEqual(["skill=git", "group=everyone"]);
  });

  test("is never a word of everyday language that only a node calls its skill; a rule may ask for it", () => {
    const greedy = meshOf([
      nodeOf({ name: "greedy", skills: ["please", "would", "问题", "summary", "report", "总结", "docker"] }),
      nodeOf({ name: "modest" }),
    ]);
    const inferWith = (words: typeof noRuleWords) =>
      inferRequirements(
        "would you please look at docker, 问题, and report in a summary 总结",
        createVocabulary(createMeshIndex(greedy), words),
      ).map(({ need }) => need.text);
    expect(inferWith(noRuleWords)).toEqual(["skill=docker"]);
    expect(inferWith({ ...noRuleWords, abilities: new Set(["please"]) })).toEqual([
      "skill=please",
      "skill=docker",
    ]);
  });

  test(`counts ${maxOwnWords} words that one node alone brings, and words that others have too besides`, () => {
    const own = Array.from({ length: 256 }, (_, at) => `word${at}`);
    const greedy = meshOf([
      nodeOf({ name: "greedy", skills: [...own, "docker"] }),
      nodeOf({ name: "box", skills: ["docker"] }),
      nodeOf({ name: "mac", skills: ["xcodegen"] }),
    ]);
    const { size } = createVocabulary(createMeshIndex(greedy), noRuleWords);
    const { size: without } = createVocabulary(createMeshIndex(meshOf([])), noRuleWords);
    expect(size - without).toBe(maxOwnWords + 2);
  });

  test("counts all tools that one node alone has, under the names that nodes find them by", () => {
    const skills = skillTable.map(({ skill }) => skill);
    expect([...toolNames].toSorted()).toEqual(skills.toSorted());
    const workshop = meshOf([nodeOf({ name: "workshop", skills }), nodeOf({ name: "bare" })]);
    const words = createVocabulary(createMeshIndex(workshop), noRuleWords);
    for (const tool of ["docker", "xcode", "ollama", "ffmpeg"]) {
      const found = inferRequirements(`use ${tool} here`, words).map(({ need }) => need.text);
      expect(found).toContain(`skill=${tool}`);
    }
  });

  test("is looked for at the beginning of the text only", () => {
    expect(infer(`${" ".repeat(maxScannedLength - 4)}cuda`)).toEqual(["gpu"]);
    expect(infer(`${" ".repeat(maxScannedLength)}cuda`)).toEqual([]);
  });

  test("has a limit", () => {
    const skills = Array.from({ length: 40 }, (_, index) => `ability${index}`);
    const many = meshOf([nodeOf({ name: "a", skills }), nodeOf({ name: "b" })]);
    const all = createVocabulary(createMeshIndex(many), { ...noRuleWords, abilities: new Set(skills) });
    expect(inferRequirements(skills.join(" "), all)).toHaveLength(maxInferredNeeds);
  });
});
