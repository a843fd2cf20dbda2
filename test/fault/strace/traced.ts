import { isToolReady } from "../test-tool.ts";

export const isStraceReady = (): boolean => isToolReady("strace", ["strace", "-o", "/dev/null", "true"]);

/** Bytes that are shown of a write: more than a page of the database. */
const shownLength = 20_000;

/** Words before a program that write its calls to a file. The process id stays the program's own. */
export function traceTo(file: string): readonly string[] {
  const calls = "fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg";
  return ["strace", "-D", "-f", "-ttt", "-y", "-s", String(shownLength), "-e", `trace=${calls}`, "-o", file];
}

/** Words before a program that make every flush to the disk take longer. */
export function slowFlushes(delayMs: number): readonly string[] {
  const delay = `inject=fdatasync,fsync:delay_enter=${delayMs * 1000}`;
  return ["strace", "-D", "-f", "-q", "-e", "trace=fdatasync,fsync", "-e", delay, "-o", "/dev/null"];
}
