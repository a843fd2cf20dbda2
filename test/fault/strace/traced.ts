import { isToolReady } from "../test-tool.ts";

export const isStraceReady = (): boolean => isToolReady("strace", ["strace", "-o", "/dev/null", "true"]);

/** Bytes that are shown of a write: more than a page of the database. */
const shownLength = 20_000;

/** Words before a program that write its calls to a file. The process id stays the program's own. */
export function traceTo(file: string): readonly string[] {
  const calls = "fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg";
  return ["strace", "-D", "-f", "-ttt", "-y", "-s", String(shownLength), "-e", `trace=${calls}`, "-o", file];
}

/**
 * Words before a program that make every flush to the disk take longer. Only flushes stop at the tracer: where every call
 * does, a message takes ten times as long on two cores, and looks as if it waited for a flush.
 */
export function slowFlushes(delayMs: number): readonly string[] {
  const delay = `inject=fdatasync,fsync:delay_enter=${delayMs * 1000}`;
  return [
    "strace",
    "-D",
    "-f",
    "--seccomp-bpf",
    "-q",
    "-e",
    "trace=fdatasync,fsync",
    "-e",
    delay,
    "-o",
    "/dev/null",
  ];
}

/** Attaching to a running process may be forbidden where tracing one's own children is not. */
export const canAttach = (): boolean =>
  isToolReady("strace on a running process", [
    "sh",
    "-c",
    'sleep 0.2 & pid=$!; timeout 5 strace -o /dev/null -e trace=none -p "$pid" && wait "$pid"',
  ]);

/** From now until it is disposed of, every write of the process to files that it has open at the paths fails. */
export const failWrites = (pid: number, paths: readonly string[], errno: string): Promise<AsyncDisposable> =>
  failCalls("pwrite64", { pid, paths, errno });

/** The same of everything that brings what was written to the disk. */
export const failFlushes = (pid: number, paths: readonly string[], errno: string): Promise<AsyncDisposable> =>
  failCalls("fsync,fdatasync", { pid, paths, errno });

async function failCalls(
  calls: string,
  { pid, paths, errno }: { readonly pid: number; readonly paths: readonly string[]; readonly errno: string },
): Promise<AsyncDisposable> {
  const tracer = Bun.spawn(
    [
      ...["strace", "-f", "-p", String(pid), "-o", "/dev/null", ...paths.flatMap((path) => ["-P", path])],
      ...["-e", `trace=${calls}`, "-e", `inject=${calls}:error=${errno}`],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  // It says so for every thread; the first line is of the process.
  const { value } = await tracer.stderr.getReader().read();
  const said = new TextDecoder().decode(value);
  if (!said.includes("attached")) throw new Error(`strace: ${said}`);
  return {
    [Symbol.asyncDispose]: async () => {
      tracer.kill("SIGINT");
      await tracer.exited;
    },
  };
}
