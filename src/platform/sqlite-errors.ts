import { SQLiteError } from "bun:sqlite";
import { MeshError } from "../protocol/errors.ts";

/** What went wrong, as far as callers act differently on it. */
export type SqliteFault =
  | "disk_full"
  | "disk_error"
  | "no_access"
  | "corrupt"
  | "busy"
  | "constraint"
  | "other";

/** Primary result codes of SQLite (the low byte of the extended ones). https://sqlite.org/rescode.html */
const faultsByCode: Readonly<Record<number, SqliteFault>> = {
  3: "no_access",
  5: "busy",
  6: "busy",
  8: "no_access",
  10: "disk_error",
  11: "corrupt",
  13: "disk_full",
  14: "no_access",
  19: "constraint",
  26: "corrupt",
};

const reasons: Readonly<Record<SqliteFault, string>> = {
  disk_full: "the disk is full",
  disk_error: "the disk cannot be read or written",
  no_access: "the files of the database may not be written",
  corrupt: "the database is damaged",
  busy: "another program holds the database",
  constraint: "a constraint of the database was violated",
  other: "the database refused the statement",
};

/** null: not an error of SQLite. */
export function sqliteFault(error: unknown): SqliteFault | null {
  if (!(error instanceof SQLiteError)) return null;
  return faultsByCode[error.errno & 0xff] ?? "other";
}

/**
 * The error that callers of a database get. A violated constraint that no statement expected is a fault of this
 * program (INTERNAL); damage is STORE_CORRUPT; the rest is STORE_UNAVAILABLE and may work again later.
 */
export function toStoreError(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const fault = sqliteFault(error);
  const detail = error instanceof SQLiteError && error.code !== undefined ? ` (${error.code})` : "";
  if (fault === null || fault === "constraint") {
    return new MeshError("INTERNAL", `a statement failed: ${reasons[fault ?? "other"]}${detail}`, {
      cause: error,
    });
  }
  const code = fault === "corrupt" ? "STORE_CORRUPT" : "STORE_UNAVAILABLE";
  return new MeshError(code, `${reasons[fault]}${detail}`, { cause: error });
}
