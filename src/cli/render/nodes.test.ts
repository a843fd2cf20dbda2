import { describe, expect, test } from "bun:test";
import { nodeInfo } from "../../../test/support/cli-run.ts";
import { en } from "../../locale/en.ts";
import type { NodeInfo } from "../../protocol/node.ts";
import { renderNodes } from "./nodes.ts";

const output = {
  write: () => undefined,
  writeAndWait: async () => undefined,
  isTerminal: false,
  columns: 200,
  hasColour: false,
};

/** A node that keeps the gateway of its OpenClaw alive. */
function linesOf(supervision: object): readonly string[] {
  const runtimes = [{ kind: "openclaw", version: "2026.9.6", ready: true, reason: null, supervision }];
  const node = nodeInfo({ runtimes }) as unknown as NodeInfo;
  const text = renderNodes([node], { texts: en, output, nowMs: 0 });
  return text.split("\n").filter((line) => line.startsWith("mac-mini:"));
}

describe("a gateway that is kept alive, in the table of nodes", () => {
  const detail = "it ended with SIGKILL\u001b[2J\nforged line";

  test.each(["running", "starting"])("is no matter while it is %s", (state) => {
    expect(linesOf({ state, restarts: 3, detail, next_start_at: null })).toEqual([]);
  });

  test("is told of while it is down, without what would steer the terminal", () => {
    expect(linesOf({ state: "backing_off", restarts: 3, detail, next_start_at: null })).toEqual([
      "mac-mini: the gateway of openclaw ended and is being started again: it ended with SIGKILL forged line",
    ]);
  });

  test("is told of with its remedy when it was given up or stopped", () => {
    const [given] = linesOf({
      state: "crash_loop",
      restarts: 4,
      detail: "it ended with exit code 78",
      next_start_at: null,
    });
    expect(given).toContain("was given up: it ended with exit code 78; mend it");
    expect(given).toContain("claw-mesh runtime start openclaw");
    const [stopped] = linesOf({ state: "stopped", restarts: 0, detail: null, next_start_at: null });
    expect(stopped).toContain("was stopped; on that machine: claw-mesh runtime start openclaw");
  });
});
