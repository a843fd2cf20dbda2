import { readFileSync } from "node:fs";
import { errorCodeOf } from "./atomic-file.ts";

const sysctlLimitMs = 2_000;

/**
 * Names the run of the operating system, from its start to its end. What was written without a flush is there for sure
 * only in the same one: a power cut or a fault of the kernel may have taken it. null: this system does not tell.
 * @throws the system's error, with its `code`, when it cannot be asked just now
 */
export function readBootId(): string | null {
  if (process.platform === "darwin") return readBootSession();
  try {
    return toId(readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  } catch (error) {
    // Out of descriptors it must not look as if the system did not tell: it would look like another run of it.
    if (!["ENOENT", "ENOTDIR", "EACCES", "EPERM"].includes(errorCodeOf(error) ?? "")) throw error;
    return null;
  }
}

function readBootSession(): string | null {
  const { success, stdout } = Bun.spawnSync(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], {
    stdio: ["ignore", "pipe", "ignore"],
    timeout: sysctlLimitMs,
  });
  return success ? toId(stdout.toString()) : null;
}

function toId(text: string): string | null {
  const id = text.trim().toLowerCase();
  return id === "" ? null : id;
}
