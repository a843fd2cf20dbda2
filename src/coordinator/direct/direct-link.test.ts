import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { systemIds } from "../../platform/ids.ts";
import type { SafeAnswer } from "../../platform/safe-fetch.ts";
import { DirectOffer, directOfferHeader, fromHeaderJson } from "../../protocol/direct.ts";
import type { OfferFrame } from "../../protocol/link/v1/frames.ts";
import { Secret } from "../../protocol/secret.ts";
import type { AttemptFrame } from "../dispatch/attempt-reports.ts";
import { createAnswerReading } from "./answer-reading.ts";
import { createCallBudget } from "./call-budget.ts";
import { createDirectLink } from "./direct-link.ts";

const offer = (): OfferFrame => ({
  type: "offer",
  task: systemIds.task(),
  attempt: 1,
  content: "work",
  source: "cli",
  effects: "unsafe",
  timeout_ms: 1000,
});

function start(limit: number) {
  const frames: AttemptFrame[] = [];
  const offers: unknown[] = [];
  const answers: ((answer: SafeAnswer) => void)[] = [];
  const link = createDirectLink({
    nodeId: systemIds.node(),
    target: () => ({ endpoint: "node.test:1", origin: "http://node.test:1", token: new Secret("secret") }),
    safeFetch: ({ headers }) => {
      offers.push(fromHeaderJson(DirectOffer, headers?.[directOfferHeader] ?? null));
      return new Promise((resolve) => answers.push(resolve));
    },
    budget: createCallBudget(limit),
    reading: createAnswerReading(),
    clock: createManualClock(),
    probe: () => Promise.resolve(true),
    lastSeenMs: () => 0,
    onFrame: (_, frame) => void frames.push(frame),
    onOutcome: () => {},
    onDrain: () => {},
    onClosed: () => {},
  });
  return { link, frames, answers, offers };
}

const broken: SafeAnswer = { kind: "broken", wasWritten: true, reason: "ECONNRESET" };

describe("a direct endpoint in the shape of a link", () => {
  test("refuses an offer when too many calls run, and takes one again when one has ended", async () => {
    const { link, frames, answers } = start(1);
    link.send(offer());
    const second = offer();
    link.send(second);
    expect(frames).toEqual([]);
    await Promise.resolve();
    expect(frames).toMatchObject([{ type: "refuse", task: second.task, reason: "full" }]);
    answers[0]?.(broken);
    await Promise.resolve();
    await Promise.resolve();
    link.send(second);
    expect(answers).toHaveLength(2);
  });

  test("says of what it gives up that it is lost, once, and nothing of what comes after", async () => {
    const { link, frames, answers } = start(2);
    link.send(offer());
    link.abandon("it was removed");
    answers[0]?.(broken);
    await Promise.resolve();
    await Promise.resolve();
    expect(frames).toMatchObject([{ type: "lost", started: true, fenced: false, reason: "it was removed" }]);
    link.send(offer());
    expect(answers).toHaveLength(1);
  });

  test("tells the runtime that is required, and the one that the coordinator counts it for", () => {
    const { link, offers } = start(2);
    link.send({ ...offer(), runtime: "zeroclaw" });
    link.send({ ...offer(), prefers: "openclaw" });
    expect(offers).toMatchObject([{ runtime: "zeroclaw" }, { prefers: "openclaw" }]);
  });
});
