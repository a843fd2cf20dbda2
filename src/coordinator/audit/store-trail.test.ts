import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { systemClock } from "../../platform/clock.ts";
import { systemIds } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { AuditStore } from "../../store/audit.ts";
import { createSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import type { Store } from "../../store/store.ts";
import { createAuditPruning, pruneSlack } from "./audit-pruning.ts";
import type { AuditedAct } from "./audit-trail.ts";
import { createStoreTrail, entriesPerAnchor, maxQueuedEntries, retryPauseMs } from "./store-trail.ts";
import { verifyChain } from "./verify-chain.ts";

const act = (target: string): AuditedAct => ({
  subject: "admin",
  address: "10.0.0.7",
  action: "rule.add",
  target,
  result: "ok",
});

const acts = (count: number) => Array.from({ length: count }, (_, index) => act(`rule_${index + 1}`));

let directory: Awaited<ReturnType<typeof createTempDir>>;
let store: Store;
let logged: { readonly level: string; readonly message: string; readonly facts: object }[];
/** What happens to the next writes, in place of none. */
let fault: ((append: () => Promise<unknown>) => Promise<unknown>) | null;

beforeEach(async () => {
  directory = await createTempDir();
  store = await createSqliteStore({
    file: join(directory.path, "mesh.db"),
    clock: systemClock,
    ids: systemIds,
  });
  logged = [];
  fault = null;
});
afterEach(async () => {
  await store.close();
  await directory[Symbol.asyncDispose]();
});

const log = Object.fromEntries(
  ["info", "warn", "error"].map((level) => [
    level,
    (message: string, facts: object = {}) => logged.push({ level, message, facts }),
  ]),
) as unknown as Parameters<typeof createStoreTrail>[0]["log"];

const messages = (level: string) => logged.filter((line) => line.level === level).map((line) => line.message);

const diskFull = () => new MeshError("STORE_UNAVAILABLE", "the disk is full");

async function open(more: Partial<Parameters<typeof createStoreTrail>[0]> = {}) {
  const clock = createManualClock();
  // The real store behind a disk that fails when the test says so.
  const failing: AuditStore = {
    ...store.audit,
    append: (facts) => {
      const append = () => store.audit.append(facts);
      return fault === null ? append() : (fault(append) as ReturnType<typeof append>);
    },
  };
  const trail = await createStoreTrail({ store: failing, sync: store.sync, clock, log, ...more });
  return { clock, trail };
}

const targets = async () => (await store.audit.read(0, 100_000)).map((entry) => entry.target);
const verify = (heads: readonly string[] = []) =>
  verifyChain(store.audit, { heads, signal: new AbortController().signal });

describe("the trail", () => {
  test("stores every act in the order it was told of, in few commits", async () => {
    const { trail } = await open();
    let writes = 0;
    fault = (append) => {
      writes += 1;
      return append();
    };
    await Promise.all(acts(1_200).map((each) => trail.record(each)));
    expect(await targets()).toEqual(acts(1_200).map((each) => each.target));
    expect(writes).toBeLessThan(10);
    expect(await verify([trail.head().hash])).toMatchObject({ is_intact: true, entries: 1_200 });
  });

  test("goes on with the chain of a former process", async () => {
    const first = await open();
    await first.trail.record(act("a"));
    await first.trail.close();
    const second = await open();
    expect(second.trail.head()).toEqual(first.trail.head());
    await second.trail.record(act("b"));
    expect(await verify([first.trail.head().hash])).toMatchObject({ is_intact: true, entries: 2 });
  });

  test("writes the head into the log at its start, after every 1,000 entries and at its end", async () => {
    const { trail } = await open();
    await Promise.all(acts(entriesPerAnchor + 5).map((each) => trail.record(each)));
    await trail.close();
    const heads = logged.filter((line) => line.message === "audit head").map((line) => line.facts);
    // One at its start only when there is an entry: the hash before the first proves nothing.
    expect(heads).toHaveLength(2);
    expect(heads.at(-1)).toMatchObject({ seq: entriesPerAnchor + 5 });
    await open();
    expect(logged.filter((line) => line.message === "audit head").at(-1)?.facts).toEqual(heads.at(-1));
    const hashes = heads.map((head) => (head as { hash: string }).hash);
    expect(await verify(hashes)).toMatchObject({ is_intact: true });
  });

  test("keeps what the disk does not take, tells who waits, and says so until it is written", async () => {
    const { clock, trail } = await open();
    fault = () => Promise.reject(diskFull());
    await expect(trail.record(act("a"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(trail.trouble()).toBe("the disk is full");
    await expect(trail.record(act("b"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    trail.note(act("c"));
    expect(await targets()).toEqual([]);
    fault = null;
    clock.advance(retryPauseMs);
    await until("it is written", async () => trail.trouble() === null);
    expect(await targets()).toEqual(["a", "b", "c"]);
    expect(messages("error")).toEqual(["the audit cannot be written"]);
    expect(messages("info")).toContain("the audit is written again");
    await trail.record(act("d"));
    expect(await verify()).toMatchObject({ is_intact: true, entries: 4 });
  });

  test("does not write twice what was there although the disk said no", async () => {
    const { clock, trail } = await open();
    fault = async (append) => {
      await append();
      throw diskFull();
    };
    await expect(trail.record(act("a"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    trail.note(act("b"));
    fault = null;
    clock.advance(retryPauseMs);
    await until("it is written", async () => trail.trouble() === null && (await targets()).length > 1);
    expect(await targets()).toEqual(["a", "b"]);
  });

  test("tries again with growing pauses", async () => {
    const { clock, trail } = await open();
    let tries = 0;
    fault = () => {
      tries += 1;
      return Promise.reject(diskFull());
    };
    trail.note(act("a"));
    await until("the first try", async () => tries === 1 && trail.trouble() !== null);
    for (const [index, pauseMs] of [1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
      clock.advance(pauseMs - 1);
      await Bun.sleep(0);
      expect(tries).toBe(index + 1);
      clock.advance(1);
      await until("the next try", async () => tries === index + 2 && clock.timerCount() === 1);
    }
  });

  test("takes a bounded number while the disk fails, and logs the others", async () => {
    const { trail } = await open();
    fault = () => Promise.reject(diskFull());
    await expect(trail.record(act("first"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    for (let count = 0; count < maxQueuedEntries + 10; count += 1) trail.note(act("more"));
    await Bun.sleep(0);
    fault = null;
    await trail.close();
    expect(await targets()).toHaveLength(maxQueuedEntries);
  });

  test("logs what is lost when the disk does not even take it at the end, and takes nothing afterwards", async () => {
    const { trail } = await open();
    fault = () => Promise.reject(diskFull());
    trail.note(act("a"));
    trail.note(act("b"));
    await trail.close();
    expect(messages("error")).toEqual([
      "the audit cannot be written",
      "audit entries are lost",
      "audit entry is lost",
      "audit entry is lost",
    ]);
    expect(logged.find((line) => line.message === "audit entry is lost")?.facts).toMatchObject({
      target: "a",
    });
    await expect(trail.record(act("c"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(trail.trouble()).not.toBeNull();
  });

  test("says so when somebody else has written into the chain", async () => {
    const { trail } = await open();
    await trail.record(act("a"));
    await store.audit.append([{ ...act("forged"), at: "2026-11-22T10:00:00.000Z", details: {} }]);
    await trail.record(act("b"));
    expect(messages("error")).toEqual([
      "the audit was changed by another program; check it with: claw-mesh audit verify",
    ]);
  });

  test("stores texts of any kind so that they are read back as they were hashed", async () => {
    const { trail } = await open();
    await trail.record({
      ...act("\ud800 lone \0 nul ".repeat(100)),
      details: { text: "\udfff\0", long: "x".repeat(10_000), number: Number.NaN, zero: -0 },
    });
    expect(await verify()).toMatchObject({ is_intact: true, entries: 1 });
  });
});

describe("pruning", () => {
  const maxEntries = 50;

  async function openPruned() {
    let noteWritten: (newest: never) => void = () => undefined;
    const { trail } = await open({ onWritten: (newest) => noteWritten(newest as never) });
    const pruning = await createAuditPruning({
      store: store.audit,
      trail,
      maxEntries,
      clock: systemClock,
      log,
    });
    noteWritten = pruning.noteWritten;
    return { trail, pruning };
  }

  test("keeps the newest entries, says in the chain what it deletes, and the rest verifies", async () => {
    const { trail, pruning } = await openPruned();
    await Promise.all(acts(maxEntries + pruneSlack - 1).map((each) => trail.record(each)));
    expect(await store.audit.start()).toMatchObject({ seq: 1 });
    const { hash } = trail.head();
    await trail.record(act("one more"));
    await until("the oldest are deleted", async () => (await store.audit.start()).seq === pruneSlack + 1);
    const [first] = await store.audit.read(0, 1);
    expect(await store.audit.newest()).toMatchObject({
      action: "audit.prune",
      subject: "coordinator",
      details: { first_seq: pruneSlack + 1, removed: pruneSlack, previous_hash: first?.previous_hash },
    });
    expect(await verify([hash])).toMatchObject({ is_intact: true, entries: maxEntries + 1 });
    await pruning.stop();
  });

  test("finds the oldest entries missing when no prune has said so", async () => {
    const { trail, pruning } = await openPruned();
    await Promise.all(acts(maxEntries + pruneSlack).map((each) => trail.record(each)));
    await until("the oldest are deleted", async () => (await store.audit.start()).seq === pruneSlack + 1);
    await pruning.stop();
    expect(await store.audit.prune(pruneSlack + 11)).toBe(10);
    expect(await verify()).toMatchObject({ is_intact: false, broken_at: pruneSlack + 1 });
  });

  test("waits while the chain is checked", async () => {
    const { trail, pruning } = await openPruned();
    await pruning.whileKept(async () => {
      await Promise.all(acts(maxEntries + pruneSlack + 5).map((each) => trail.record(each)));
      expect(await verify()).toMatchObject({ is_intact: true, first_seq: 1 });
    });
    await trail.record(act("afterwards"));
    await until("the oldest are deleted", async () => (await store.audit.start()).seq > 1);
    await pruning.stop();
  });
});

test("a check of a long chain lets others have the event loop", async () => {
  const { trail } = await open();
  await Promise.all(acts(4_000).map((each) => trail.record(each)));
  let turns = 0;
  const counter = setInterval(() => {
    turns += 1;
  }, 0);
  expect(await verify()).toMatchObject({ is_intact: true, entries: 4_000 });
  clearInterval(counter);
  expect(turns).toBeGreaterThan(5);
});
