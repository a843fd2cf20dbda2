import type { Catalogue } from "../locale/index.ts";
import { MeshError } from "../protocol/errors.ts";
import { toKnownError } from "./error-report.ts";

/** The same error with another hint; an interrupt and a fault of this program become errors that can have one. */
export function withHint(error: unknown, hint: string, texts: Catalogue): MeshError {
  const { code, message, details } = toKnownError(error, texts);
  return new MeshError(code, message, { hint, cause: error, ...(details === undefined ? {} : { details }) });
}
