import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Failure } from "../../src/protocol/failure.ts";
import { RuntimeStatus } from "../../src/protocol/node.ts";
import type { RunOutcome, Runtime, StopReason } from "../../src/runtimes/runtime.ts";
import {
  createAttempt,
  type ObservedRun,
  observeRun,
  type RuntimeSubject,
  within,
} from "./runtime-subject.ts";

export type { RuntimeSubject } from "./runtime-subject.ts";

/** Longest time from a request to stop until the run has settled. */
const stopLimitMs = 5_000;

/** What every adapter promises the node agent. Call it at the top of a test file, once per subject. */
export function runtimeContract(name: string, subject: RuntimeSubject): void {
  const patienceMs = subject.patienceMs ?? 5_000;
  const testLimitMs = patienceMs * 3 + 30_000;
  const opened: Runtime[] = [];
  const track = (runtime: Runtime) => {
    opened.push(runtime);
    return runtime;
  };
  const quick = () => track(subject.createRuntime());
  const slow = () => track(subject.createSlowRuntime());
  const holdsNoSecret = (value: unknown) => {
    for (const secret of subject.secrets) expect(JSON.stringify(value)).not.toContain(secret);
  };
  const answerOf = async (run: ObservedRun, limitMs = patienceMs) => {
    const outcome = await within(limitMs, run.outcome);
    expect(outcome).toMatchObject({ kind: "succeeded" });
    return outcome.kind === "succeeded" ? outcome.text : "";
  };
  const failureOf = async (run: ObservedRun, limitMs = patienceMs) => {
    const outcome = await within(limitMs, run.outcome);
    expect(outcome).toMatchObject({ kind: "failed" });
    holdsNoSecret(outcome);
    return Failure.parse(outcome.kind === "failed" ? outcome.failure : null);
  };

  describe(`runtime contract: ${name}`, () => {
    beforeAll(subject.open, testLimitMs * 4);
    afterAll(async () => {
      await Promise.all(opened.map((runtime) => runtime.close()));
      await subject.close();
    }, testLimitMs);

    const it = (sentence: string, body: () => Promise<void>) => test(sentence, body, testLimitMs);

    describe("probe", () => {
      it("reports a working runtime as ready, without a reason, within 3 s", async () => {
        const runtime = quick();
        const probe = await within(3_500, runtime.probe());
        expect(RuntimeStatus.parse(probe.status)).toMatchObject({
          kind: subject.kind,
          ready: true,
          reason: null,
        });
        expect(runtime.kind).toBe(subject.kind);
        expect(probe.slots === null || probe.slots > 0).toBe(true);
        holdsNoSecret([probe, runtime.location]);
      });

      if (subject.createUnreachableRuntime !== null) {
        const create = subject.createUnreachableRuntime;
        it("reports a gateway that is not there as not ready, with a reason, within 3 s", async () => {
          const runtime = track(create());
          const { status } = await within(3_500, runtime.probe());
          expect(RuntimeStatus.parse(status).ready).toBe(false);
          expect(status.reason).toBeString();
          holdsNoSecret([status, runtime.location]);
        });
      }

      if (subject.createUnauthorizedRuntime !== null) {
        const create = subject.createUnauthorizedRuntime;
        it("reports a refused token as not ready, with a reason", async () => {
          const { status } = await within(3_500, track(create()).probe());
          expect(status.ready).toBe(false);
          expect(status.reason).toBeString();
          holdsNoSecret(status);
        });
      }
    });

    describe("answers", () => {
      it("answers what was asked", async () => {
        const text = await answerOf(
          observeRun(quick(), createAttempt(subject.plainMessage("heron-on-the-lake"))),
        );
        expect(text).toContain("heron-on-the-lake");
      });

      it("keeps characters beyond ASCII and line ends as they are", async () => {
        const word = "鹭鸶 🪶 «naïve»";
        const text = await answerOf(observeRun(quick(), createAttempt(subject.plainMessage(word))));
        expect(text).toContain(word);
      });

      it("sends chunks, when it sends any, that amount to the answer", async () => {
        const run = observeRun(quick(), createAttempt(subject.plainMessage("one two three four five")));
        const text = await answerOf(run);
        if (run.chunks.length > 0) expect(run.text()).toBe(text);
      });

      it("does not mix runs that go on at the same time", async () => {
        const runtime = quick();
        const words = Array.from({ length: 8 }, (_, index) => `bird-${index}-end`);
        const runs = words.map((word) => observeRun(runtime, createAttempt(subject.plainMessage(word))));
        const texts = await Promise.all(runs.map((run) => answerOf(run, patienceMs * 2)));
        for (const [index, text] of texts.entries()) {
          expect(words.filter((word) => text.includes(word))).toEqual([words[index] ?? ""]);
          const chunked = runs[index]?.text() ?? "";
          if (chunked !== "") expect(chunked).toBe(text);
        }
      });

      if (subject.recallMessage !== null) {
        const recall = subject.recallMessage;
        it("remembers within a session and not across sessions", async () => {
          const runtime = quick();
          const lake = { key: "1".repeat(32), name: "lake" };
          const other = { key: "2".repeat(32), name: "lake" };
          const say = (content: string, session: typeof lake | null) =>
            answerOf(observeRun(runtime, createAttempt(content, { session })));
          await say(subject.plainMessage("kingfisher-word"), lake);
          expect(await say(recall, lake)).toContain("kingfisher-word");
          expect(await say(recall, other)).not.toContain("kingfisher-word");
          expect(await say(recall, null)).not.toContain("kingfisher-word");
        });
      }
    });

    describe("stopping", () => {
      it("does not start a run whose signal is already aborted", async () => {
        const controller = new AbortController();
        controller.abort("cancelled" satisfies StopReason);
        const run = observeRun(slow(), createAttempt(subject.slowMessage("unwanted")), controller);
        expect(await within(stopLimitMs, run.outcome)).toEqual({ kind: "cancelled" });
        expect(run.chunks).toEqual([]);
      });

      it("cancels a run in the middle", async () => {
        const run = observeRun(slow(), createAttempt(subject.slowMessage("halfway")));
        await Promise.race([run.firstChunk, Bun.sleep(subject.streamsSlowly ? patienceMs : 300)]);
        if (subject.streamsSlowly) expect(run.chunks.length).toBeGreaterThan(0);
        run.stop("cancelled");
        const outcome = await within(stopLimitMs, run.outcome);
        if (subject.confirmsStop ?? true) expect(outcome).toEqual({ kind: "cancelled" });
        else expect(outcome).toMatchObject({ kind: "lost", started: true, fenced: false });
        holdsNoSecret(outcome);
      });

      it("goes on answering others while one run is cancelled", async () => {
        const runtime = quick();
        const controller = new AbortController();
        const doomed = observeRun(runtime, createAttempt(subject.slowMessage("doomed")), controller);
        const other = observeRun(runtime, createAttempt(subject.plainMessage("survivor")));
        doomed.stop("cancelled");
        expect(await answerOf(other)).toContain("survivor");
        await within(stopLimitMs, doomed.outcome);
      });

      it("fails with class timeout when it is stopped for that reason", async () => {
        const run = observeRun(slow(), createAttempt(subject.slowMessage("late")));
        await Bun.sleep(100);
        run.stop("timeout");
        expect(await failureOf(run, stopLimitMs)).toMatchObject({ class: "timeout" });
      });

      it("ends by itself, with class timeout, when the attempt's time is over", async () => {
        const run = observeRun(slow(), createAttempt(subject.slowMessage("late"), { timeoutMs: 500 }));
        expect(await failureOf(run, 500 + stopLimitMs)).toMatchObject({ class: "timeout" });
      });
    });

    describe("failures", () => {
      for (const failing of subject.failingMessages) {
        it(`fails when ${failing.when}, and never answers with the text of the error`, async () => {
          const limits = failing.timeoutMs === undefined ? {} : { timeoutMs: failing.timeoutMs };
          const run = observeRun(quick(), createAttempt(failing.content, limits));
          const failure = await failureOf(run, (failing.timeoutMs ?? patienceMs) + stopLimitMs);
          expect(failure).toMatchObject(failing.expected);
          expect(failure.message.length).toBeGreaterThan(0);
          expect(run.text()).not.toContain(failing.errorText);
        });
      }

      if (subject.tooLongMessage !== null) {
        const content = subject.tooLongMessage;
        it("fails with class too_large when the answer exceeds the limit", async () => {
          const failure = await failureOf(observeRun(quick(), createAttempt(content)), patienceMs * 3);
          expect(failure.class).toBe("too_large");
        });
      }

      if (subject.createUnreachableRuntime !== null) {
        const create = subject.createUnreachableRuntime;
        it("says that nothing was done when the gateway is not there", async () => {
          const run = observeRun(track(create()), createAttempt("hello", { timeoutMs: 3_000 }));
          const outcome = await within(3_000 + stopLimitMs, run.outcome);
          holdsNoSecret(outcome);
          expect(tellsNothingDone(outcome)).toBe(true);
        });
      }

      if (subject.createUnauthorizedRuntime !== null) {
        const create = subject.createUnauthorizedRuntime;
        it("says that nothing was done when the token is refused", async () => {
          const run = observeRun(track(create()), createAttempt("hello", { timeoutMs: 3_000 }));
          const failure = await failureOf(run, 3_000 + stopLimitMs);
          expect(["refused", "runtime_error"]).toContain(failure.class);
          if (failure.class === "runtime_error") expect(failure).toMatchObject({ kind: "auth" });
        });
      }
    });

    describe("endings", () => {
      it("knows nothing of an attempt that it never ran", async () => {
        const attempt = createAttempt("never handed over");
        const control = { onChunk: () => {}, onRecovering: () => {}, signal: new AbortController().signal };
        expect(await within(patienceMs, quick().reattach(attempt, control))).toBeNull();
      });

      it("answers a fence, whatever the attempt", async () => {
        expect(await within(patienceMs, quick().fence(createAttempt("never handed over")))).toBeBoolean();
      });

      it("settles running runs when it is closed, and may be closed twice", async () => {
        const runtime = slow();
        const run = observeRun(runtime, createAttempt(subject.slowMessage("interrupted")));
        await Promise.race([run.firstChunk, Bun.sleep(subject.streamsSlowly ? patienceMs : 300)]);
        await within(stopLimitMs, runtime.close());
        expect(await within(stopLimitMs, run.outcome)).toMatchObject({ kind: "lost", started: true });
        await runtime.close();
      });

      it("starts nothing after it was closed", async () => {
        const runtime = quick();
        await runtime.close();
        const run = observeRun(runtime, createAttempt(subject.plainMessage("too late")));
        expect(tellsNothingDone(await within(stopLimitMs, run.outcome))).toBe(true);
      });

      if (subject.loseGateway !== null) {
        const lose = subject.loseGateway;
        it("does not invent an answer when the gateway is lost in the middle", async () => {
          const attempt = createAttempt(subject.slowMessage("cut off"), { timeoutMs: 8_000 });
          const run = observeRun(slow(), attempt);
          await Promise.race([run.firstChunk, Bun.sleep(subject.streamsSlowly ? patienceMs : 300)]);
          await lose();
          const outcome = await within(8_000 + stopLimitMs, run.outcome);
          holdsNoSecret(outcome);
          expect(outcome).toMatchObject({ kind: "lost", started: true });
        });
      }
    });
  });
}

/** Whether the outcome lets the attempt go to another node whatever its effects. */
function tellsNothingDone(outcome: RunOutcome): boolean {
  if (outcome.kind === "lost") return !outcome.started;
  if (outcome.kind !== "failed") return false;
  return outcome.failure.class === "refused" || outcome.failure.nothing_done === true;
}
