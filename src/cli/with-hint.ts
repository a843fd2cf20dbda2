import type { Catalogue } from "../locale/index.ts";
import { errorCatalogue, MeshError } from "../protocol/errors.ts";
import { toKnownError } from "./error-report.ts";

/** The same error with another hint; an interrupt and a fault of this program become errors that can have one. */
export function withHint(error: unknown, hint: string, texts: Catalogue): MeshError {
  const { code, message, details } = toKnownError(error, texts);
  return new MeshError(code, message, { hint, cause: error, ...(details === undefined ? {} : { details }) });
}

/** As {@link withHint}, on a line of its own below what the error says itself. */
export function withFurtherHint(error: unknown, hint: string, texts: Catalogue): MeshError {
  const own = toKnownError(error, texts).hint;
  return withHint(error, own === "" || emptyHints.includes(own) ? hint : `${own}\n${hint}`, texts);
}

/** General hints that say nothing beside an exact one, or the opposite of it. */
const emptyHints: readonly string[] = [errorCatalogue.USAGE.hint, errorCatalogue.MESSAGE_CANCELLED.hint];
