import { readFileSync } from "node:fs";
import { errorCodeOf } from "./atomic-file.ts";
import { readBootId } from "./boot-id.ts";

/** Numbers of processes are used again; with the time of its start, a number means one process. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, as this system tells it: to be compared with another one of the same machine, not to be read. */
  readonly startedAt: string;
}

const psLimitMs = 2_000;

/** A gateway has a handful. */
const maxDescendants = 1_000;

/**
 * When the process with this number was started; null when there is none, or it has ended and is only not yet forgotten.
 * @throws the system's error, with its `code`, when that cannot be told
 */
export function readProcessStart(pid: number): string | null {
  return process.platform === "linux" ? readLinuxStart(pid) : readPsStart(pid);
}

/**
 * Whether that very process still runs.
 * @throws the system's error, with its `code`, when that cannot be told
 */
export function isProcessRunning({ pid, startedAt }: ProcessIdentity): boolean {
  return readProcessStart(pid) === startedAt;
}

/**
 * Sends the signal to that process and to nobody else; false when it has ended.
 * @throws the system's error, with its `code`, when it cannot be told whether it runs
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isProcessRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    // It has ended meanwhile.
    if (errorCodeOf(error) === "ESRCH") return false;
    throw error;
  }
}

/** Those that it started, and that those started, while it runs: with its end they lose the tie to it. */
export function listDescendants(pid: number): readonly ProcessIdentity[] {
  const children = new Map<number, number[]>();
  for (const line of runPs(["-A", "-o", "pid=,ppid="]).split("\n")) {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    if (child !== undefined && parent !== undefined)
      children.set(parent, [...(children.get(parent) ?? []), child]);
  }
  const found: ProcessIdentity[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined && found.length < maxDescendants; next = queue.pop()) {
    for (const child of children.get(next) ?? []) {
      const startedAt = readProcessStart(child);
      if (startedAt !== null) found.push({ pid: child, startedAt });
      queue.push(child);
    }
  }
  return found;
}

/** Field 22 of /proc/<pid>/stat counts from the start of the system, so the run of the system belongs to it. */
function readLinuxStart(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before the last bracket may hold blanks and brackets.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state, start] = [fields[0], fields[19]];
    return state === "Z" || state === "X" || start === undefined ? null : `${start}@${readBootId() ?? ""}`;
  } catch (error) {
    // Out of descriptors, say, nothing is known of it, and it may well run.
    if (errorCodeOf(error) !== "ENOENT" && errorCodeOf(error) !== "ESRCH") throw error;
    return null;
  }
}

/** `Z` in the state: it has ended, and whoever started it has not asked how. */
function readPsStart(pid: number): string | null {
  const line = runPs(["-o", "stat=,lstart=", "-p", String(pid)]).trim();
  const [state = "", ...start] = line.split(/\s+/);
  return state === "" || state.startsWith("Z") || start.length === 0 ? null : start.join(" ");
}

/** What `ps` prints; empty when there is no such program. */
export function runPs(args: readonly string[]): string {
  try {
    const { stdout } = Bun.spawnSync(["ps", ...args], {
      stdio: ["ignore", "pipe", "ignore"],
      // Whoever asks later may have another time zone.
      env: { PATH: "/bin:/usr/bin", LC_ALL: "C", TZ: "UTC0" },
      timeout: psLimitMs,
    });
    return stdout.toString();
  } catch (error) {
    // No such program here: then nothing is known of other processes.
    if (errorCodeOf(error) !== "ENOENT") throw error;
    return "";
  }
}
