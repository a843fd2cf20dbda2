import { shownBytes, type TracedCall } from "./parse-trace.ts";

/** When a task was told of, and what made it durable before. Numbers are lines of the trace. */
export interface Acknowledgement {
  readonly taskId: string;
  readonly acknowledgedAt: number;
  /** The commit frame of the transaction that wrote the task was in the WAL file. */
  readonly committedAt: number | null;
  /** A flush of the WAL that began after that, and succeeded, had returned; the earliest. */
  readonly flushedAt: number | null;
  readonly isCovered: boolean;
}

const taskIds = /task_[0-9a-f]{32}/g;
const flushes: ReadonlySet<string> = new Set(["fsync", "fdatasync"]);
const socketWrites: ReadonlySet<string> = new Set(["write", "writev", "sendto", "sendmsg"]);

/** Bytes of the header before each page in a WAL file. https://sqlite.org/fileformat2.html#walformat */
const frameHeaderBytes = 24;

interface WalEvents {
  /** The writes of each task, by id, in their order. */
  readonly written: ReadonlyMap<string, readonly TracedCall[]>;
  /** Lines on which pages that end a transaction were written. */
  readonly commits: readonly number[];
  readonly flushes: readonly TracedCall[];
}

/**
 * Checks power loss order: an answer with this status line that names a task may be written to its socket only after the
 * WAL was flushed, by a flush that began when the whole transaction with the task was in the file.
 */
export function checkFlushOrder(
  calls: readonly TracedCall[],
  statusLine: string,
): readonly Acknowledgement[] {
  const wal = readWal(calls);
  return calls.flatMap((call) => {
    if (!isAnswer(call, statusLine)) return [];
    const [taskId] = call.args.match(taskIds) ?? [];
    if (taskId === undefined) return [];
    return [judge({ taskId, write: wal.written.get(taskId)?.[0], toldBy: call }, wal)];
  });
}

/**
 * Checks the same of offers: one may be written to its node's socket only after a flush that covers the newest transaction
 * that wrote its task. For tasks that run one after the other: their rows share pages.
 */
export function checkOfferOrder(calls: readonly TracedCall[]): readonly Acknowledgement[] {
  const wal = readWal(calls);
  return calls.flatMap((call) => {
    if (!isSocketWrite(call) || !call.args.includes(offerWords)) return [];
    const [taskId] = call.args.match(taskIds) ?? [];
    if (taskId === undefined) return [];
    const before = wal.written.get(taskId)?.filter(({ returnedAt }) => returnedAt < call.beganAt);
    return [judge({ taskId, write: before?.at(-1), toldBy: call }, wal)];
  });
}

/** In a frame on a link, as strace shows it. */
const offerWords = String.raw`\"type\":\"offer\"`;

function isSocketWrite({ name, target }: TracedCall): boolean {
  return socketWrites.has(name) && /^(socket|TCP|TCPv6):/.test(target);
}

function isAnswer(call: TracedCall, statusLine: string): boolean {
  return isSocketWrite(call) && call.args.includes(`"${statusLine}`);
}

function readWal(calls: readonly TracedCall[]): WalEvents {
  const written = new Map<string, TracedCall[]>();
  const commits: number[] = [];
  const flushed: TracedCall[] = [];
  let endsTransaction = false;
  for (const call of calls) {
    if (!call.target.endsWith("/mesh.db-wal")) continue;
    if (flushes.has(call.name)) {
      if (call.result === 0) flushed.push(call);
      continue;
    }
    if (call.name !== "pwrite64" || call.result === null || call.result < 0) continue;
    if (call.result === frameHeaderBytes) {
      endsTransaction = isCommitFrame(call);
      continue;
    }
    for (const id of new Set(call.args.match(taskIds))) {
      const writes = written.get(id);
      if (writes === undefined) written.set(id, [call]);
      else writes.push(call);
    }
    if (endsTransaction) commits.push(call.returnedAt);
    endsTransaction = false;
  }
  return { written, commits, flushes: flushed };
}

/** The size of the database after the commit is in the second word of the last frame of a transaction, and only there. */
function isCommitFrame(call: TracedCall): boolean {
  return shownBytes(call.args)
    .slice(4, 8)
    .some((byte) => byte !== 0);
}

interface Told {
  readonly taskId: string;
  /** undefined: it was never written. */
  readonly write: TracedCall | undefined;
  readonly toldBy: TracedCall;
}

function judge({ taskId, write, toldBy }: Told, wal: WalEvents): Acknowledgement {
  const acknowledgedAt = toldBy.beganAt;
  const committedAt = wal.commits.find((line) => write !== undefined && line >= write.returnedAt) ?? null;
  const covering = wal.flushes.filter((one) => committedAt !== null && one.beganAt > committedAt);
  const flushedAt = covering.length === 0 ? null : Math.min(...covering.map((one) => one.returnedAt));
  const isCovered = flushedAt !== null && flushedAt < acknowledgedAt;
  return { taskId, acknowledgedAt, committedAt, flushedAt, isCovered };
}
