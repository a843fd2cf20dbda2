import { readFileSync } from "node:fs";
import { errorCodeOf } from "./atomic-file.ts";

const sysctlLimitMs = 2_000;

/**
 * Names the run of the operating system, from its start to its end. What was written without a flush is there for sure
 * only in the same one: a power cut or a fault of the kernel may have taken it. null: this system does not tell.
 */
export function readBootId(): string | null {
  if (process.platform === "darwin") return readBootSession();
  try {
    return toId(readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
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
