import { describe, expect, test } from "bun:test";
import { nodeInfo } from "../../../test/support/cli-run.ts";
import { en } from "../../locale/en.ts";
import type { NodeInfo, RuntimeStatus } from "../../protocol/node.ts";
import { renderNodes } from "./nodes.ts";

const output = {
  write: () => undefined,
  writeAndWait: async () => undefined,
  isTerminal: false,
  columns: 200,
  hasColour: false,
};

const statusOf = (parts: Partial<RuntimeStatus>): RuntimeStatus => ({
  kind: "openclaw",
  version: "2026.9.6",
  ready: true,
  reason: null,
  active: null,
  queued: null,
  ...parts,
});

function tableOf(runtimes: readonly RuntimeStatus[], parts: object = {}): readonly string[] {
  const node = nodeInfo({ runtimes, ...parts }) as unknown as NodeInfo;
  const text = renderNodes([node], { texts: en, output, nowMs: 0 });
  return (text.split("\n\n")[1] ?? "").trimEnd().split("\n");
}

describe("the runtimes of a node that has several", () => {
  test("have a line each, with state, version, slots and what is known of a gateway that is kept alive", () => {
    const supervision = { state: "running", restarts: 2, detail: null, next_start_at: null } as const;
    const looping = { ...supervision, state: "crash_loop", restarts: 1 } as const;
    const reason = "nothing answers\u001b[2J";
    expect(
      tableOf([
        statusOf({ slots: 4, in_flight: 1, supervision }),
        statusOf({ kind: "zeroclaw", version: null, ready: false, reason, slots: 2, supervision: looping }),
        statusOf({ kind: "echo", version: null }),
      ]),
    ).toEqual([
      "NODE      RUNTIME   VERSION   SLOTS  GATEWAY                 STATE",
      "mac-mini  openclaw  2026.9.6  1/4    kept alive, 2 restarts  ready",
      "mac-mini  zeroclaw  -         0/2    given up, 1 restart     not ready: nothing answers",
      "mac-mini  echo      -         -      -                       ready",
    ]);
  });

  test("are not listed while it is offline, nor where there is one that nobody keeps alive", () => {
    expect(tableOf([statusOf({}), statusOf({ kind: "echo" })], { status: "offline" })).toEqual([""]);
    expect(tableOf([statusOf({})])).toEqual([""]);
  });
});
