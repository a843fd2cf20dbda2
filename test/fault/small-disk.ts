import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCodeOf } from "../../src/platform/atomic-file.ts";
import { isToolReady } from "./test-tool.ts";

/** Mounting takes root, or a user namespace of one's own: see `make test-fault`. */
export const isMountReady = (): boolean =>
  isToolReady("mount", [
    "sh",
    "-c",
    `d=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"`,
  ]);

/** A small file system of its own at a directory. */
export interface SmallDisk extends AsyncDisposable {
  /** Leaves not one byte free. */
  readonly fill: () => Promise<void>;
  readonly free: () => Promise<void>;
  readonly remount: (option: "ro" | "rw") => void;
}

const fillerPiece = new Uint8Array(4096);

function run(...command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { stdio: ["ignore", "ignore", "pipe"] });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

export async function mountSmallDisk(path: string, sizeMib: number): Promise<SmallDisk> {
  await mkdir(path, { recursive: true });
  run("mount", "-t", "tmpfs", "-o", `size=${sizeMib}m,mode=700`, "tmpfs", path);
  const filler = join(path, "filler");
  return {
    fill: async () => {
      const file = await open(filler, "a");
      try {
        for (;;) await file.write(fillerPiece);
      } catch (error) {
        if (errorCodeOf(error) !== "ENOSPC") throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    remount: (option) => run("mount", "-o", `remount,${option}`, path),
    [Symbol.asyncDispose]: async () => run("umount", "-l", path),
  };
}
