import type { Clock } from "../platform/clock.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import type { ScheduleTurn } from "../platform/loop-turn.ts";
import { closeDatabase } from "../platform/sqlite.ts";
import { MeshError } from "../protocol/errors.ts";
import { type AttemptKey, fromAttemptKey, toAttemptKey } from "../protocol/ids.ts";
import { type AttemptRef, OfferFrame } from "../protocol/link/v1/frames.ts";
import type { RunOutcome } from "../runtimes/runtime.ts";
import { StoredOutcome } from "./attempt-outcome.ts";
import { openJournalFile } from "./journal-file.ts";

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

/**
 * The node's own record of the attempts it took and of the outcomes that no coordinator has acknowledged. While it is
 * complete, what it does not hold was never started here, or its outcome is durable at the coordinator.
 */
export interface Journal {
  /**
   * Whether it proves that an attempt that it does not hold was never started. A new one may stand in for one that was
   * lost, and one from before the machine's last start may lack its end, which a power cut takes: neither does, until
   * {@link settle}.
   */
  readonly isComplete: () => boolean;
  /** No coordinator asks for anything from before that it does not hold: from now on it is complete. */
  readonly settle: () => void;
  readonly state: (key: AttemptKey) => "running" | "finished" | null;
  /** What was offered, of an attempt that has no outcome yet. null: there is none, or it cannot be read (logged). */
  readonly loadOffer: (
    key: AttemptKey,
  ) => { readonly offer: OfferFrame; readonly startedAtMs: number } | null;
  /** null: it has none yet. One that cannot be read (logged) counts as lost after the start. */
  readonly loadOutcome: (key: AttemptKey) => RunOutcome | null;
  /** Whether another offer of this size may be taken. */
  readonly hasRoom: (bytes: number) => boolean;
  /**
   * Commits all of them, none of which it holds already, and what waits, before it returns. Throws STORE_UNAVAILABLE;
   * then none of them is recorded.
   */
  readonly start: (offers: readonly OfferFrame[]) => void;
  /** Records the outcome with the next commit, at the end of the loop turn at the latest, then calls back. */
  readonly finish: (key: AttemptKey, outcome: RunOutcome, onDurable: () => void) => void;
  readonly forget: (key: AttemptKey) => void;
  /** Attempts whose outcome waits for its acknowledgement, oldest first. */
  readonly unacknowledged: () => readonly AttemptRef[];
  /** Attempts without outcome; right after opening: those a former process left behind. */
  readonly running: () => readonly AttemptKey[];
  /** Commits what waits, now. */
  readonly flush: () => void;
  /** Drops outcomes over {@link maxJournalAgeMs}. A failure is logged, and the next call tries again. */
  readonly prune: () => void;
  readonly close: () => void;
}

export interface JournalDeps {
  readonly file: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly scheduleTurn: ScheduleTurn;
  readonly log: Log;
  /** Of the machine's present boot; null: not known, and so no journal of a former process is complete. */
  readonly bootId: string | null;
  /** A lower limit for tests. */
  readonly maxEntries?: number;
  /** Default and most: {@link maxJournalBytes}. */
  readonly maxBytes?: number;
}

interface Known {
  /** Of its row. */
  readonly id: number;
  isFinished: boolean;
  bytes: number;
}

interface Write {
  readonly apply: () => void;
  readonly onDurable?: () => void;
}

type Row = { body: string; started_at_ms: number };

/** The caller holds the node's lock: one process has the journal open. */
export function openJournal(deps: JournalDeps): Journal {
  const { clock, log, bootId } = deps;
  const maxEntries = deps.maxEntries ?? maxJournalEntries;
  const maxBytes = deps.maxBytes ?? maxJournalBytes;
  const { database, completeIn, rows } = openJournalFile(deps);
  let isComplete = bootId !== null && completeIn === bootId;
  const known = new Map<AttemptKey, Known>();
  let bytes = 0;
  let lastId = 0;
  let writes: Write[] = [];
  let isScheduled = false;
  let isClosed = false;

  const insert = database.query("insert into attempts (id, key, body, started_at_ms) values (?, ?, ?, ?)");
  const update = database.query("update attempts set body = ?, finished_at_ms = ? where id = ?");
  const remove = database.query("delete from attempts where id = ?");
  const select = database.query<Row, [number]>("select body, started_at_ms from attempts where id = ?");
  const markComplete = database.query("update journal set complete_in = ?");
  const inOneCommit = database.transaction((work: () => void) => work());

  const add = (key: AttemptKey, entry: Known) => {
    known.set(key, entry);
    bytes += entry.bytes;
    lastId = entry.id;
  };

  const resize = (entry: Known, size: number) => {
    bytes += size - entry.bytes;
    entry.bytes = size;
  };

  /** Writes what waits, and what comes with it. Throws what SQLite throws; then nothing is recorded. */
  const commit = (more: () => void) => {
    const batch = writes;
    inOneCommit(() => {
      for (const write of batch) write.apply();
      more();
    });
    writes = [];
    for (const { onDurable } of batch) {
      try {
        onDurable?.();
      } catch (error) {
        // One outcome that cannot be sent must not keep the others.
        log.error("an outcome could not be sent", { error });
      }
    }
  };

  const flush = () => {
    isScheduled = false;
    if (writes.length === 0 || isClosed) return;
    try {
      commit(() => {});
    } catch (error) {
      log.error("journal write failed, trying again", { error });
      schedule((callback) => clock.after(retryMs, callback));
    }
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

  /** null: not there; or it cannot be read, which is logged. */
  const read = <T>(entry: Known, key: AttemptKey, parse: (row: Row) => T): T | null => {
    try {
      const row = select.get(entry.id);
      return row === null ? null : parse(row);
    } catch (error) {
      log.error("an entry of the journal cannot be read", { attempt: key, error });
      return null;
    }
  };

  const forget = (key: AttemptKey) => {
    const entry = known.get(key);
    if (entry === undefined) return;
    resize(entry, 0);
    known.delete(key);
    write({ apply: () => remove.run(entry.id) });
  };

  const prune = () => {
    const oldest = clock.nowMs() - maxJournalAgeMs;
    try {
      const old = database
        .query<{ key: string }, [number]>("select key from attempts where finished_at_ms < ?")
        .all(oldest);
      for (const { key } of old) {
        log.warn("journal forgets an outcome that nobody acknowledged in time", { attempt: key });
        forget(key as AttemptKey);
      }
    } catch (error) {
      log.error("old entries of the journal cannot be looked for", { error });
    }
  };

  for (const row of rows) {
    add(row.key as AttemptKey, { id: row.id, isFinished: row.finished === 1, bytes: row.size });
  }
  prune();
  return {
    isComplete: () => isComplete,
    settle: () => {
      if (isComplete) return;
      isComplete = true;
      write({ apply: () => markComplete.run(bootId) });
    },
    state: (key) => {
      const entry = known.get(key);
      if (entry === undefined) return null;
      return entry.isFinished ? "finished" : "running";
    },
    loadOffer: (key) => {
      const entry = known.get(key);
      return entry === undefined || entry.isFinished ? null : read(entry, key, toStarted);
    },
    loadOutcome: (key) => {
      const entry = known.get(key);
      if (entry?.isFinished !== true) return null;
      return read(entry, key, toOutcome) ?? unreadable;
    },
    hasRoom: (size) => known.size < maxEntries && bytes + size <= maxBytes,
    start: (offers) => {
      const startedAtMs = clock.nowMs();
      const entries = offers.map((offer, index) => {
        const body = JSON.stringify(offer);
        const entry: Known = { id: lastId + 1 + index, isFinished: false, bytes: Buffer.byteLength(body) };
        return { key: toAttemptKey(offer.task, offer.attempt), body, entry };
      });
      try {
        commit(() => {
          for (const { key, body, entry } of entries) insert.run(entry.id, key, body, startedAtMs);
        });
      } catch (error) {
        throw new MeshError("STORE_UNAVAILABLE", "the node's journal could not be written", { cause: error });
      }
      for (const { key, entry } of entries) add(key, entry);
    },
    finish: (key, outcome, onDurable) => {
      const entry = known.get(key);
      if (entry === undefined) return write({ apply: () => {}, onDurable });
      const body = JSON.stringify(outcome);
      const finishedAtMs = clock.nowMs();
      resize(entry, Buffer.byteLength(body));
      write({
        apply: () => update.run(body, finishedAtMs, entry.id),
        onDurable: () => {
          entry.isFinished = true;
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

const unreadable: RunOutcome = {
  kind: "lost",
  started: true,
  fenced: false,
  reason: "its outcome cannot be read from the node's journal",
};

function toStarted(row: Row): { readonly offer: OfferFrame; readonly startedAtMs: number } {
  return { offer: OfferFrame.parse(JSON.parse(row.body)), startedAtMs: row.started_at_ms };
}

function toOutcome(row: Row): RunOutcome {
  const outcome = StoredOutcome.parse(JSON.parse(row.body));
  return outcome;
}
