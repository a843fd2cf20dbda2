import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { systemIds } from "../platform/ids.ts";
import { silentLog } from "../platform/log.ts";
import { toAttemptKey } from "../protocol/ids.ts";
import type { OfferFrame } from "../protocol/link/v1/frames.ts";
import { type JournalDeps, maxJournalAgeMs, openJournal } from "./journal.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function setUp(parts: Partial<JournalDeps> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "journal-"));
  folders.push(folder);
  const clock = createManualClock();
  const turns: (() => void)[] = [];
  const deps: JournalDeps = {
    file: join(folder, "journal.db"),
    clock,
    ids: systemIds,
    scheduleTurn: (callback) => turns.push(callback),
    log: silentLog,
    ...parts,
  };
  const endTurn = () => {
    for (const callback of turns.splice(0)) callback();
  };
  return { deps, clock, endTurn, open: () => openJournal(deps) };
}

function createOffer(content = "hi"): OfferFrame {
  return {
    type: "offer",
    task: systemIds.task(),
    attempt: 1,
    content,
    source: "test",
    effects: "unsafe",
    timeout_ms: 1_000,
  };
}

const keyOf = (offer: OfferFrame) => toAttemptKey(offer.task, offer.attempt);
const answer = { kind: "succeeded" as const, text: "done" };

describe("the journal of a node", () => {
  test("knows after a reopening what was running, with its offer", () => {
    const { open } = setUp();
    const offer = createOffer();
    const before = open();
    before.start([offer]);
    before.close();
    const after = open();
    expect(after.id).toBe(before.id);
    expect(after.running()).toEqual([keyOf(offer)]);
    expect(after.load(keyOf(offer))).toMatchObject({ offer, outcome: null });
  });

  test("has a started attempt on the disk when start returns, without a close", () => {
    const { open } = setUp();
    const offer = createOffer();
    open().start([offer]);
    expect(open().running()).toEqual([keyOf(offer)]);
  });

  test("calls back when the outcome is durable, once per turn for all", () => {
    const { open, endTurn } = setUp();
    const journal = open();
    const offers = [createOffer(), createOffer()];
    journal.start(offers);
    const durable: string[] = [];
    for (const offer of offers) journal.finish(keyOf(offer), answer, () => durable.push(keyOf(offer)));
    expect(durable).toEqual([]);
    expect(journal.unacknowledged()).toEqual([]);
    endTurn();
    expect(durable).toEqual(offers.map(keyOf));
    expect(journal.unacknowledged()).toEqual(offers.map(({ task, attempt }) => ({ task, attempt })));
    const reopened = open();
    for (const offer of offers) expect(reopened.load(keyOf(offer))?.outcome).toEqual(answer);
  });

  test("forgets what was acknowledged, and what was never there", () => {
    const { open, endTurn } = setUp();
    const journal = open();
    const offer = createOffer();
    journal.start([offer]);
    journal.finish(keyOf(offer), answer, () => {});
    endTurn();
    journal.forget(keyOf(offer));
    journal.forget(keyOf(createOffer()));
    expect(journal.state(keyOf(offer))).toBeNull();
    endTurn();
    expect(open().unacknowledged()).toEqual([]);
  });

  test("has room for a number of attempts and again after one is forgotten", () => {
    const { open, endTurn } = setUp({ maxEntries: 2 });
    const journal = open();
    const offers = [createOffer(), createOffer()];
    journal.start(offers);
    expect(journal.hasRoom(1)).toBe(false);
    for (const offer of offers) journal.forget(keyOf(offer));
    endTurn();
    expect(journal.hasRoom(1)).toBe(true);
  });

  test("counts the bytes of offers and outcomes, also after a reopening", () => {
    const { open, endTurn } = setUp({ maxBytes: 10_000 });
    const journal = open();
    const offer = createOffer("x".repeat(4_000));
    journal.start([offer]);
    expect(journal.hasRoom(4_000)).toBe(true);
    journal.finish(keyOf(offer), { kind: "succeeded", text: "y".repeat(4_000) }, () => {});
    endTurn();
    expect(journal.hasRoom(4_000)).toBe(false);
    expect(open().hasRoom(4_000)).toBe(false);
    expect(open().hasRoom(1_000)).toBe(true);
  });

  test("drops outcomes after seven days, never attempts that run", () => {
    const { open, clock, endTurn } = setUp();
    const journal = open();
    const [old, running] = [createOffer(), createOffer()];
    journal.start([old, running]);
    journal.finish(keyOf(old), answer, () => {});
    endTurn();
    clock.advance(maxJournalAgeMs - 1);
    journal.prune();
    expect(journal.state(keyOf(old))).toBe("finished");
    clock.advance(2);
    journal.prune();
    expect(journal.state(keyOf(old))).toBeNull();
    expect(journal.state(keyOf(running))).toBe("running");
  });

  test("has another id than any other journal", () => {
    expect(setUp().open().id).not.toBe(setUp().open().id);
  });

  test("may be closed twice, and takes late outcomes without a fault", () => {
    const { open, endTurn } = setUp();
    const journal = open();
    const offer = createOffer();
    journal.start([offer]);
    journal.close();
    journal.close();
    journal.finish(keyOf(offer), answer, () => {});
    endTurn();
    expect(open().running()).toEqual([keyOf(offer)]);
  });
});
