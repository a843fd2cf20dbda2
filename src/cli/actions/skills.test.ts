import { afterEach, beforeEach, expect, test } from "bun:test";
import { type CliBench, createCliBench } from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const who = (name: string, status = "online") => ({ id: `node_${"1".repeat(32)}`, name, status });
const answer = {
  skills: [
    {
      name: "ffmpeg",
      description: "Cuts videos",
      nodes: [who("linux-gpu"), who("nas", "offline")],
      node_count: 5,
      unusable: [{ ...who("mac-mini"), missing: ["program ffmpeg", "variable KEY"] }],
      unusable_count: 1,
    },
    { name: "xcode", description: null, nodes: [], node_count: 0, unusable: [], unusable_count: 0 },
  ],
  left_out: 3,
};
const handle = (body: object = answer) => bench.handle((_, reply) => reply.json(body));

test("skills lists who has them, who is offline, and what others lack", async () => {
  handle();
  const { stdout, exitCode } = await bench.run(["skills"]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    /^ffmpeg +linux-gpu, nas \(offline\) and 3 more +mac-mini \(program ffmpeg, variable KEY\)$/m,
  );
  expect(stdout).toMatch(/^xcode +- +-$/m);
  expect(stdout).toContain("3 more skills are not shown.");
});

test("skills shows one by its name, whatever its case", async () => {
  handle();
  expect((await bench.run(["skills", "FFmpeg"])).stdout).toBe(
    [
      "ffmpeg: Cuts videos",
      "Can be used on:",
      "  linux-gpu",
      "  nas (offline)",
      "  and 3 more",
      "Present, but lacks something:",
      "  mac-mini: program ffmpeg, variable KEY",
      "",
    ].join("\n"),
  );
});

test("skills says that nobody has one, and that there are none", async () => {
  handle();
  expect(await bench.run(["skills", "cobol"])).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('no node has the skill "cobol"'),
  });
  handle({ skills: [], left_out: 0 });
  expect((await bench.run(["skills"])).stdout).toBe("No node tells of a skill.\n");
});

test("skills with --json gives what the API said", async () => {
  handle();
  expect(JSON.parse((await bench.run(["skills", "--json"])).stdout)).toEqual(answer);
  expect(JSON.parse((await bench.run(["skills", "ffmpeg", "--json"])).stdout)).toEqual(answer.skills[0]);
});

test("no description and no lack of another machine steers the terminal or makes a line of its own", async () => {
  const hostile = "a\u001b[2J\r\nFORGED: all is well\u202e";
  handle({
    skills: [{ ...answer.skills[0], description: hostile, unusable: [{ ...who("m"), missing: [hostile] }] }],
    left_out: 0,
  });
  for (const args of [["skills"], ["skills", "ffmpeg"]]) {
    const { stdout } = await bench.run(args);
    for (const sign of ["\u001b[2J", "\u202e", "\nFORGED"]) expect(stdout).not.toContain(sign);
  }
});

test("skills asks for one by its name, and for all where that cannot be one", async () => {
  const asked: object[] = [];
  bench.handle((request, reply) => {
    asked.push(request.query);
    reply.json(answer);
  });
  await bench.run(["skills", " ffmpeg "]);
  expect((await bench.run(["skills", "a,b"])).exitCode).not.toBe(0);
  expect(asked).toEqual([{ name: "ffmpeg" }, {}]);
});
