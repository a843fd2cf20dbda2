import { expect } from "bun:test";

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

/**
 * A server of another user that looks like every gateway. It tells every request, with its key, and every message that it gets.
 * @param port - 0: any
 */
export async function startForeignServer(port = 0): Promise<ForeignServer> {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/foreign-server-process.ts`, String(port)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  let seen = "";
  const ready = Promise.withResolvers<number>();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) {
      seen += decoder.decode(piece, { stream: true });
      const match = /^listening (\d+)\n/.exec(seen);
      if (match !== null) ready.resolve(Number(match[1]));
    }
    ready.reject(new Error("the server of another user ended"));
  })();
  const opened = await ready.promise;
  expect(opened).toBeGreaterThan(0);
  return {
    port: opened,
    seen: () => seen,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await reading;
    },
  };
}
