import { renameSync } from "node:fs";
import type { Clock } from "../platform/clock.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import type { ScheduleTurn } from "../platform/loop-turn.ts";
import { closeDatabase, type Database, openDatabase } from "../platform/sqlite.ts";
import { MeshError } from "../protocol/errors.ts";
import { type AttemptKey, fromAttemptKey, toAttemptKey } from "../protocol/ids.ts";
import { type AttemptRef, OfferFrame } from "../protocol/link/v1/frames.ts";
import type { RunOutcome } from "../runtimes/runtime.ts";
import { StoredOutcome } from "./attempt-outcome.ts";

/** Attempts that a journal holds at most, running or with an outcome that nobody has acknowledged. */
export const maxJournalEntries = 10_000;

/** Bytes of offers and outcomes that a journal holds at most. */
export const maxJournalBytes = 256 * 1024 * 1024;

/**
 * How long an outcome is kept that nobody acknowledges. No task lives longer, so what a coordinator asks for later than
 * that was never here.
 */
export const maxJournalAgeMs = 7 * 24 * 3600 * 1000;

/** Wait before writes that the disk did not take are tried again. */
const retryMs = 1_000;

const migrations: readonly string[] = [
  `create table journal (id text not null) strict;
   create table attempts (
     key text primary key,
     offer text not null,
     started_at_ms integer not null,
     outcome text,
     finished_at_ms integer
   ) strict, without rowid;`,
];

export interface JournalEntry {
  readonly offer: OfferFrame;
  readonly startedAtMs: number;
  /** null while the attempt runs, or when the process died during the run. */
  readonly outcome: RunOutcome | null;
}

/**
 * The node's own record of the attempts it took and of the outcomes that no coordinator has acknowledged. What it does
 * not hold was never started here, or its outcome is durable at the coordinator.
 */
export interface Journal {
  /** Differs from all other journals, so that a lost one is not mistaken for an empty one. */
  readonly id: string;
  readonly state: (key: AttemptKey) => "running" | "finished" | null;
  readonly load: (key: AttemptKey) => JournalEntry | null;
  /** Whether another offer of this size may be taken. */
  readonly hasRoom: (bytes: number) => boolean;
  /** Commits all of them before it returns. Throws STORE_UNAVAILABLE; then none of them is recorded. */
  readonly start: (offers: readonly OfferFrame[]) => void;
  /** Records the outcome with the next commit, at the end of the loop turn, then calls back. */
  readonly finish: (key: AttemptKey, outcome: RunOutcome, onDurable: () => void) => void;
  readonly forget: (key: AttemptKey) => void;
  /** Attempts whose outcome waits for its acknowledgement, oldest first. */
  readonly unacknowledged: () => readonly AttemptRef[];
  /** Attempts without outcome; right after opening: those a former process left behind. */
  readonly running: () => readonly AttemptKey[];
  /** Commits what waits, now. */
  readonly flush: () => void;
  /** Drops outcomes over {@link maxJournalAgeMs}. */
  readonly prune: () => void;
  readonly close: () => void;
}

export interface JournalDeps {
  readonly file: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly scheduleTurn: ScheduleTurn;
  readonly log: Log;
  /** Lower limits for tests. */
  readonly maxEntries?: number;
  readonly maxBytes?: number;
}

interface Known {
  isFinished: boolean;
  bytes: number;
}

interface Write {
  readonly apply: () => void;
  readonly onDurable?: () => void;
}

type Row = { key: string; offer: string; started_at_ms: number; outcome: string | null };

/** The caller holds the node's lock: one process has the journal open. */
export function openJournal(deps: JournalDeps): Journal {
  const { clock, log } = deps;
  const maxEntries = deps.maxEntries ?? maxJournalEntries;
  const maxBytes = deps.maxBytes ?? maxJournalBytes;
  const database = openOrReplace(deps);
  const id = readOrCreateId(database, deps.ids);
  const known = new Map<AttemptKey, Known>();
  let bytes = 0;
  let writes: Write[] = [];
  let isScheduled = false;
  let isClosed = false;

  const insert = database.query(
    "insert into attempts (key, offer, started_at_ms) values (?, ?, ?) on conflict do nothing",
  );
  const update = database.query("update attempts set outcome = ?, finished_at_ms = ? where key = ?");
  const remove = database.query("delete from attempts where key = ?");
  const select = database.query<Row, [string]>(
    "select key, offer, started_at_ms, outcome from attempts where key = ?",
  );

  const addBytes = (entry: Known, more: number) => {
    entry.bytes += more;
    bytes += more;
  };

  const drop = (key: AttemptKey) => {
    const entry = known.get(key);
    if (entry === undefined) return;
    bytes -= entry.bytes;
    known.delete(key);
  };

  const load = () => {
    const rows = database
      .query<{ key: string; size: number; finished: number }, []>(
        `select key, length(cast(offer as blob)) + coalesce(length(cast(outcome as blob)), 0) as size,
                outcome is not null as finished
         from attempts order by started_at_ms, key`,
      )
      .all();
    for (const row of rows) {
      known.set(row.key as AttemptKey, { isFinished: row.finished === 1, bytes: row.size });
      bytes += row.size;
    }
  };

  const flush = () => {
    isScheduled = false;
    if (writes.length === 0 || isClosed) return;
    const batch = writes;
    try {
      database.transaction(() => {
        for (const write of batch) write.apply();
      })();
    } catch (error) {
      log.error("journal write failed, trying again", { error });
      schedule((callback) => clock.after(retryMs, callback));
      return;
    }
    writes = [];
    for (const write of batch) write.onDurable?.();
  };

  const schedule = (later: (callback: () => void) => void) => {
    if (isScheduled) return;
    isScheduled = true;
    later(flush);
  };

  const write = (entry: Write) => {
    writes.push(entry);
    schedule(deps.scheduleTurn);
  };

  const prune = () => {
    const oldest = clock.nowMs() - maxJournalAgeMs;
    const old = database
      .query<{ key: string }, [number]>("select key from attempts where finished_at_ms < ?")
      .all(oldest);
    for (const row of old) {
      log.warn("journal forgets an outcome that nobody acknowledged in time", { attempt: row.key });
      forget(row.key as AttemptKey);
    }
  };

  const forget = (key: AttemptKey) => {
    if (!known.has(key)) return;
    drop(key);
    write({ apply: () => remove.run(key) });
  };

  load();
  prune();
  return {
    id,
    state: (key) => {
      const entry = known.get(key);
      if (entry === undefined) return null;
      return entry.isFinished ? "finished" : "running";
    },
    load: (key) => {
      const row = select.get(key);
      if (row === null) return null;
      return {
        offer: OfferFrame.parse(JSON.parse(row.offer)),
        startedAtMs: row.started_at_ms,
        outcome: row.outcome === null ? null : toRunOutcome(row.outcome),
      };
    },
    hasRoom: (size) => known.size < maxEntries && bytes + size <= maxBytes,
    start: (offers) => {
      const startedAtMs = clock.nowMs();
      const texts = offers.map((offer) => JSON.stringify(offer));
      try {
        database.transaction(() => {
          for (const [index, offer] of offers.entries()) {
            insert.run(keyOf(offer), texts[index] ?? "", startedAtMs);
          }
        })();
      } catch (error) {
        throw new MeshError("STORE_UNAVAILABLE", "the node's journal could not be written", { cause: error });
      }
      for (const [index, offer] of offers.entries()) {
        const entry = { isFinished: false, bytes: 0 };
        known.set(keyOf(offer), entry);
        addBytes(entry, texts[index]?.length ?? 0);
      }
    },
    finish: (key, outcome, onDurable) => {
      const entry = known.get(key);
      const text = JSON.stringify(outcome);
      const finishedAtMs = clock.nowMs();
      if (entry !== undefined) addBytes(entry, text.length);
      write({
        apply: () => update.run(text, finishedAtMs, key),
        onDurable: () => {
          if (entry !== undefined) entry.isFinished = true;
          onDurable();
        },
      });
    },
    forget,
    unacknowledged: () =>
      [...known].flatMap(([key, entry]) => (entry.isFinished ? (fromAttemptKey(key) ?? []) : [])),
    running: () => [...known].flatMap(([key, entry]) => (entry.isFinished ? [] : [key])),
    flush,
    prune,
    close: () => {
      if (isClosed) return;
      flush();
      isClosed = true;
      closeDatabase(database);
    },
  };
}

function keyOf(ref: AttemptRef): AttemptKey {
  return toAttemptKey(ref.task, ref.attempt);
}

function toRunOutcome(text: string): RunOutcome {
  const outcome = StoredOutcome.parse(JSON.parse(text));
  return outcome;
}

/** A damaged journal is set aside: its outcomes are gone, but the node can go on with a new one, under a new id. */
function openOrReplace({ file, clock, log }: JournalDeps): Database {
  try {
    return openDatabase({ file, migrations, clock });
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "STORE_CORRUPT") throw error;
    const aside = `${file}.damaged-${Math.round(clock.nowMs())}`;
    log.error("the journal is damaged; it was set aside and a new one begun", { aside, error });
    renameSync(file, aside);
    for (const suffix of ["-wal", "-shm"]) renameIfThere(file + suffix, aside + suffix);
    return openDatabase({ file, migrations, clock });
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

function readOrCreateId(database: Database, ids: Ids): string {
  const row = database.query<{ id: string }, []>("select id from journal").get();
  if (row !== null) return row.id;
  const id = ids.instance();
  database.query("insert into journal (id) values (?)").run(id);
  return id;
}
