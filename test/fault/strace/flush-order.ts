import { shownBytes, type TracedCall } from "./parse-trace.ts";

/** When a task was acknowledged to its client, and what made it durable before. Numbers are lines of the trace. */
export interface Acknowledgement {
  readonly taskId: string;
  readonly acknowledgedAt: number;
  /** The commit frame of the transaction that first wrote the task was in the WAL file. */
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
  /** The first write of each task, by id. */
  readonly written: ReadonlyMap<string, TracedCall>;
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
    return taskId === undefined ? [] : [judge(taskId, call, wal)];
  });
}

function isAnswer({ name, target, args }: TracedCall, statusLine: string): boolean {
  return socketWrites.has(name) && /^(socket|TCP|TCPv6):/.test(target) && args.includes(`"${statusLine}`);
}

function readWal(calls: readonly TracedCall[]): WalEvents {
  const written = new Map<string, TracedCall>();
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
    for (const id of call.args.match(taskIds) ?? []) if (!written.has(id)) written.set(id, call);
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

function judge(taskId: string, answer: TracedCall, wal: WalEvents): Acknowledgement {
  const acknowledgedAt = answer.beganAt;
  const write = wal.written.get(taskId);
  const committedAt = wal.commits.find((line) => write !== undefined && line >= write.returnedAt) ?? null;
  const covering = wal.flushes.filter((one) => committedAt !== null && one.beganAt > committedAt);
  const flushedAt = covering.length === 0 ? null : Math.min(...covering.map((one) => one.returnedAt));
  const isCovered = flushedAt !== null && flushedAt < acknowledgedAt;
  return { taskId, acknowledgedAt, committedAt, flushedAt, isCovered };
}
