import { describe, expect, test } from "bun:test";
import type { AgentEvent } from "./gateway-schemas.ts";
import { nextEvidence, noEvidence, provesNoEffect } from "./run-evidence.ts";

type Told = readonly [stream: string, data: Readonly<Record<string, unknown>>];

const start: Told = ["lifecycle", { phase: "start" }];
const model: Told = ["lifecycle", { phase: "model", provider: "acme", model: "one" }];
const noModel: Told = ["lifecycle", { phase: "model", provider: null, model: null }];
const failed: Told = ["lifecycle", { phase: "error" }];
const retrying: Told = ["run_status", { phase: "retrying" }];
const preamble: Told = ["item", { kind: "preamble" }];
const said: Told = ["assistant", { text: "hello" }];
const tool: Told = ["tool", { phase: "start", name: "exec" }];

const event = ([stream, data]: Told, seq?: number): AgentEvent => ({
  runId: "key",
  stream,
  data,
  ...(seq === undefined ? {} : { seq }),
});
const proves = (events: readonly AgentEvent[]) => provesNoEffect(events.reduce(nextEvidence, noEvidence));
const inOrder = (...told: readonly Told[]) => told.map((each, index) => event(each, index + 1));

describe("that a run had no effect", () => {
  test("is proved by every event of it, none of a tool", () => {
    expect(proves(inOrder(start, model, noModel, failed))).toBe(true);
    expect(proves(inOrder(start, model, preamble, said, failed))).toBe(true);
  });

  test("is proved across the retries of a provider", () => {
    expect(proves(inOrder(start, model, retrying, start, model, failed))).toBe(true);
  });

  test.each([
    ["a tool", tool],
    ["a tool's output", ["command_output", {}]],
    ["the progress of a tool", ["item", { kind: "tool" }]],
    ["progress of a kind that we do not know", ["item", { kind: "patch" }]],
    ["progress without a kind", ["item", {}]],
  ] as const)("is not proved after %s", (_, shown) => {
    expect(proves(inOrder(start, model, shown, model, failed))).toBe(false);
    expect(proves(inOrder(start, model, shown, retrying, start, model, failed))).toBe(false);
  });

  test("is not proved when an event is missing, first or later, or carries no number", () => {
    const [one, two, three] = [event(start, 1), event(model, 2), event(failed, 4)];
    expect(proves([one, two, three])).toBe(false);
    expect(proves([two, event(failed, 3)])).toBe(false);
    expect(proves([one, two, event(failed)])).toBe(false);
    expect(proves([])).toBe(false);
  });

  test("is not proved of a program that OpenClaw runs in the place of its own agent loop", () => {
    expect(proves(inOrder(start, said, failed))).toBe(false);
    expect(proves(inOrder(start, noModel, failed))).toBe(false);
    expect(proves(inOrder(start, model, start, failed))).toBe(false);
    expect(proves(inOrder(start, failed, start, model, failed))).toBe(false);
  });
});
