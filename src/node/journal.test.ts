import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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
    bootId: "boot-1",
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

/** What happens to the file behind the journal's back. */
function change(file: string, sql: string): void {
  const database = new Database(file);
  database.run(sql);
  database.close();
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
    expect(after.running()).toEqual([keyOf(offer)]);
    expect(after.loadOffer(keyOf(offer))?.offer).toEqual(offer);
    expect(after.loadOutcome(keyOf(offer))).toBeNull();
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
    for (const offer of offers) expect(reopened.loadOutcome(keyOf(offer))).toEqual(answer);
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

  test("counts the bytes of offers until their outcomes take their place, also after a reopening", () => {
    const { open, endTurn } = setUp({ maxBytes: 10_000 });
    const journal = open();
    const offer = createOffer("x".repeat(4_000));
    journal.start([offer]);
    expect(journal.hasRoom(4_000)).toBe(true);
    expect(journal.hasRoom(6_000)).toBe(false);
    journal.finish(keyOf(offer), { kind: "succeeded", text: "y".repeat(7_000) }, () => {});
    endTurn();
    expect(journal.hasRoom(4_000)).toBe(false);
    expect(open().hasRoom(4_000)).toBe(false);
    expect(open().hasRoom(2_000)).toBe(true);
    journal.forget(keyOf(offer));
    expect(journal.hasRoom(10_000)).toBe(true);
  });

  test("counts bytes of UTF-8, as the disk does, before and after a reopening", () => {
    const { open, endTurn } = setUp({ maxBytes: 10_000 });
    const journal = open();
    const offer = createOffer("中".repeat(2_000));
    journal.start([offer]);
    expect(journal.hasRoom(5_000)).toBe(false);
    journal.finish(keyOf(offer), { kind: "succeeded", text: "中".repeat(3_000) }, () => {});
    expect(journal.hasRoom(2_000)).toBe(false);
    endTurn();
    expect(open().hasRoom(2_000)).toBe(false);
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

  test("commits outcomes that wait together with the next attempts", () => {
    const { open, endTurn } = setUp();
    const journal = open();
    const [first, second] = [createOffer(), createOffer()];
    journal.start([first]);
    let durable = 0;
    journal.finish(keyOf(first), answer, () => {
      durable += 1;
    });
    journal.start([second]);
    expect(durable).toBe(1);
    expect(journal.state(keyOf(first))).toBe("finished");
    endTurn();
    expect(durable).toBe(1);
    const reopened = open();
    expect(reopened.loadOutcome(keyOf(first))).toEqual(answer);
    expect(reopened.running()).toEqual([keyOf(second)]);
  });

  test("numbers new attempts after those of a former process", () => {
    const { open } = setUp();
    const [left, taken] = [createOffer("left behind"), createOffer("taken")];
    const before = open();
    before.start([left]);
    before.close();
    const after = open();
    after.start([taken]);
    expect(after.running()).toEqual([left, taken].map(keyOf));
    expect(after.loadOffer(keyOf(left))?.offer.content).toBe("left behind");
    expect(after.loadOffer(keyOf(taken))?.offer.content).toBe("taken");
  });

  test("calls back for every durable outcome, though one call throws", () => {
    const { open, endTurn } = setUp();
    const journal = open();
    const offers = [createOffer(), createOffer()];
    const [first, second] = offers as [OfferFrame, OfferFrame];
    journal.start(offers);
    const told: string[] = [];
    journal.finish(keyOf(first), answer, () => {
      throw new Error("a fault");
    });
    journal.finish(keyOf(second), answer, () => told.push("second"));
    endTurn();
    expect(told).toEqual(["second"]);
  });

  test("is complete when nothing is asked for that it does not hold, and stays so for other processes", () => {
    const { open } = setUp();
    const journal = open();
    expect(journal.isComplete()).toBe(false);
    journal.settle();
    expect(journal.isComplete()).toBe(true);
    journal.close();
    expect(open().isComplete()).toBe(true);
  });

  test("is not complete after another start of the machine, which may have cost its end", () => {
    const { deps, open } = setUp();
    const journal = open();
    journal.settle();
    journal.flush();
    copyFileSync(deps.file, `${deps.file}-cut`);
    journal.start([createOffer()]);
    const cut = openJournal({ ...deps, file: `${deps.file}-cut`, bootId: "boot-2" });
    expect(cut.running()).toEqual([]);
    expect(cut.isComplete()).toBe(false);
    cut.settle();
    cut.close();
    expect(openJournal({ ...deps, file: `${deps.file}-cut`, bootId: "boot-2" }).isComplete()).toBe(true);
  });

  test("is complete for one process only where the system does not tell its starts apart", () => {
    const { open } = setUp({ bootId: null });
    const journal = open();
    journal.settle();
    expect(journal.isComplete()).toBe(true);
    journal.close();
    expect(open().isComplete()).toBe(false);
  });

  test("tells that what it cannot read was lost after the start, and says so in the log", () => {
    const errors: string[] = [];
    const log = { ...silentLog, error: (message: string) => void errors.push(message) };
    const { deps, open, endTurn } = setUp({ log });
    const journal = open();
    const [running, finished] = [createOffer(), createOffer()];
    journal.start([running, finished]);
    journal.finish(keyOf(finished), answer, () => {});
    endTurn();
    change(deps.file, "update attempts set body = 'no JSON'");
    expect(journal.loadOffer(keyOf(running))).toBeNull();
    expect(journal.loadOutcome(keyOf(finished))).toMatchObject({
      kind: "lost",
      started: true,
      fenced: false,
    });
    expect(errors.length).toBe(2);
  });

  test("does not throw when its table cannot be read, neither for an entry nor for the old ones", () => {
    const errors: string[] = [];
    const log = { ...silentLog, error: (message: string) => void errors.push(message) };
    const { deps, open, endTurn } = setUp({ log });
    const journal = open();
    const offer = createOffer();
    journal.start([offer]);
    journal.finish(keyOf(offer), answer, () => {});
    endTurn();
    change(deps.file, "alter table attempts rename to elsewhere");
    journal.prune();
    expect(journal.loadOutcome(keyOf(offer))).toMatchObject({ kind: "lost", started: true });
    expect(errors.length).toBe(2);
    expect(() => journal.start([createOffer()])).toThrow("the node's journal could not be written");
  });

  test("is set aside for a new one when the attempts in it are damaged", () => {
    const { deps, open } = setUp();
    const before = open();
    before.settle();
    before.start(Array.from({ length: 100 }, () => createOffer("x".repeat(1_000))));
    before.close();
    const bytes = readFileSync(deps.file);
    // The head and the tables made first stay whole.
    writeFileSync(deps.file, bytes.fill(0xff, bytes.length / 4));
    const after = open();
    expect(after.isComplete()).toBe(false);
    expect(after.running()).toEqual([]);
    expect(readdirSync(dirname(deps.file)).some((name) => name.includes(".damaged-"))).toBe(true);
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
