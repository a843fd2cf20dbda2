import { errorCodeOf } from "../platform/atomic-file.ts";
import { MeshError } from "../protocol/errors.ts";

interface FileWords {
  readonly message: (systemCode: string) => string;
  readonly hint: string;
}

/** What the system says of a file that somebody named, as DATA_DIR_UNUSABLE; another failure stays as it is. */
export function toFileProblem(error: unknown, { message, hint }: FileWords): unknown {
  const systemCode = errorCodeOf(error);
  if (systemCode === null || error instanceof MeshError) return error;
  return new MeshError("DATA_DIR_UNUSABLE", message(systemCode), { hint, cause: error });
}
