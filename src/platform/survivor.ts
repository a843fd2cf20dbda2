/** Knows which processes run, and ends them when this one is gone without having done so. */
export interface Survivor {
  /** A negative id is a process group. */
  readonly add: (pid: number) => void;
  readonly remove: (pid: number) => void;
  /** Ends those that are left, and itself. */
  readonly end: () => void;
}

/** Reads `+ pid` and `- pid`; its input ends with the process that writes them. */
const survivorScript = `trap '' INT TERM HUP QUIT
pids=' '
while read -r what pid; do
  case $what in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -s KILL -- "$pid"; done`;

/**
 * A shell that outlives this process, even the SIGKILL of its whole process group: it has a session of its own. Without a
 * shell there is none, and its methods do nothing.
 */
export function startSurvivor(): Survivor {
  const shell = Bun.which("sh");
  if (shell === null) return { add: () => {}, remove: () => {}, end: () => {} };
  const shellProcess = Bun.spawn([shell, "-c", survivorScript], {
    env: {},
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  shellProcess.unref();
  const { stdin } = shellProcess;
  const tell = async (line: string) => {
    // Somebody may have ended it: then only this process is left to end the others.
    if (shellProcess.exitCode !== null || shellProcess.signalCode !== null) return;
    stdin.write(`${line}\n`);
    await Promise.allSettled([stdin.flush()]);
  };
  return {
    add: (pid) => void tell(`+ ${pid}`),
    remove: (pid) => void tell(`- ${pid}`),
    end: () => void stdin.end(),
  };
}
