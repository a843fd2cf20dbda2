import { readdirSync, readFileSync } from "node:fs";
import { errorCodeOf } from "./atomic-file.ts";
import { type ProcessIdentity, readProcessStart, runPs } from "./process-identity.ts";

export interface FoundProcess {
  readonly identity: ProcessIdentity;
  readonly parentPid: number;
  /** Of the process that leads its session; where the system does not tell, its group. */
  readonly sessionPid: number;
}

/**
 * The processes of this user that were started with this variable, and what they started, as far as it was handed on.
 * Empty where the system does not tell.
 */
export function findProcessesWith(name: string, value: string): readonly FoundProcess[] {
  const variable = `${name}=${value}`;
  return process.platform === "linux" ? findInProc(variable) : findByPs(variable);
}

function findInProc(variable: string): readonly FoundProcess[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry) || !readOwn(`/proc/${entry}/environ`).split("\0").includes(variable)) return [];
    const text = readOwn(`/proc/${entry}/stat`);
    // The name before the last bracket may hold blanks and brackets.
    const [, parent, , session] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return toFound(entry, parent, session);
  });
}

/** Empty when it has ended, or is another user's. */
function readOwn(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = errorCodeOf(error) ?? "";
    if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) throw error;
    return "";
  }
}

function findByPs(variable: string): readonly FoundProcess[] {
  return runPs(["-A", "-E", "-o", "pid=,ppid=,pgid=,command="])
    .split("\n")
    .flatMap((line) => {
      const [pid = "", parent, group, ...words] = line.trim().split(/\s+/);
      return words.includes(variable) ? toFound(pid, parent, group) : [];
    });
}

function toFound(pid: string, parent: string | undefined, session: string | undefined): FoundProcess[] {
  const startedAt = readProcessStart(Number(pid));
  if (startedAt === null) return [];
  const identity = { pid: Number(pid), startedAt };
  return [{ identity, parentPid: Number(parent), sessionPid: Number(session) }];
}
