import { systemClock } from "../../src/platform/clock.ts";

/** No user of any machine that the tests run on. */
export const foreignUid = 54_321;

/** Whether a program can be started as another user. */
export function canBecomeOthers(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0;
}

export interface ForeignServer extends AsyncDisposable {
  readonly port: number;
  /** All that it was sent so far, one line each. */
  readonly seen: () => string;
}

/** Giving up its rights rarely stands still in a program with several threads; then another one is started. */
const startLimitMs = 1_500;
const maxStarts = 3;

/**
 * A server of another user that looks like every gateway. It tells every request, with its key, and every message that it gets.
 * @param port - 0: any
 */
export async function startForeignServer(port = 0): Promise<ForeignServer> {
  for (let start = 1; start < maxStarts; start++) {
    const server = await tryStart(port);
    if (server !== null) return server;
  }
  const last = await tryStart(port);
  if (last === null) throw new Error("the server of another user does not start");
  return last;
}

async function tryStart(port: number): Promise<ForeignServer | null> {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/foreign-server-process.ts`, String(port)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  let seen = "";
  const ready = Promise.withResolvers<number | null>();
  const cancelLimit = systemClock.after(startLimitMs, () => ready.resolve(null));
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) {
      seen += decoder.decode(piece, { stream: true });
      const match = /^listening (\d+)\n/.exec(seen);
      if (match !== null) ready.resolve(Number(match[1]));
    }
    ready.resolve(null);
  })();
  const opened = await ready.promise;
  cancelLimit();
  if (opened === null) {
    child.kill("SIGKILL");
    return null;
  }
  return {
    port: opened,
    seen: () => seen,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await Promise.race([reading, child.exited]);
    },
  };
}
