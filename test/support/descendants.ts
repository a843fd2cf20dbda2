/** Processes that this one has started, and theirs, whose command line contains the text. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

export function descendantsOf(pid: number, commandPart: string): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(Number(name)));
  }
  const isBelow = (candidate: number): boolean => {
    const parent = parents.get(candidate) ?? 0;
    return parent === pid || (parent > 1 && isBelow(parent));
  };
  return [...parents.keys()].filter(
    (candidate) => isBelow(candidate) && readProcess(candidate, "cmdline").includes(commandPart),
  );
}

/** Whether it runs: one that has ended and whose end nobody has asked for yet does not. */
export function isRunning(pid: number): boolean {
  const state = /^State:\s+(\w)/m.exec(readProcess(pid, "status"))?.[1];
  return state !== undefined && state !== "Z";
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readProcess(pid, "status"))?.[1] ?? 0);
}

/** Empty when the process has ended meanwhile. */
function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
