import { errorCodeOf } from "../../platform/atomic-file.ts";
import { MeshError } from "../../protocol/errors.ts";

const fullCodes: readonly (string | null)[] = ["ENOSPC", "EDQUOT"];
const deniedCodes: readonly (string | null)[] = ["EACCES", "EPERM", "EROFS"];

/** A file where a folder is to be, a folder where a file is to be, a link to itself. */
const occupiedCodes: readonly (string | null)[] = [
  ...["ENOTDIR", "EISDIR", "ERR_FS_EISDIR", "EEXIST", "ENOTEMPTY", "ELOOP"],
];

/** What the system says of a file that an installation writes or reads, as a coded error; another error stays as it is. */
export function toFileFailure(error: unknown, path: string): unknown {
  const code = errorCodeOf(error);
  if (code === null || error instanceof MeshError) return error;
  if (fullCodes.includes(code)) return diskFull(path, error);
  if (deniedCodes.includes(code)) {
    return new MeshError("RUNTIME_INSTALL_FAILED", `cannot write to ${path} (${code})`, {
      hint: `Make that folder writable for this user, then run the same command again.`,
      cause: error,
    });
  }
  if (occupiedCodes.includes(code)) {
    return new MeshError("RUNTIME_INSTALL_FAILED", `something else is at ${path} (${code})`, {
      hint: "Move it away, then run the same command again.",
      cause: error,
    });
  }
  return error;
}

export function diskFull(path: string, cause: unknown): MeshError {
  return new MeshError("DISK_FULL", `no space is left on the disk of ${path}`, { cause });
}

/** As {@link toFileFailure}, thrown from the action that works on the path. */
export async function withFileFailures<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw toFileFailure(error, path);
  }
}
