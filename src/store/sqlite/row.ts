import { z } from "zod";
import { issueLines, MeshError } from "../../protocol/errors.ts";

/** A text column that holds JSON of the schema. */
export function jsonColumn<T extends z.ZodType>(schema: T) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch (error) {
        context.addIssue({ code: "custom", message: `is not JSON: ${String(error)}` });
        return z.NEVER;
      }
    })
    .pipe(schema);
}

/** SQLite has no booleans. */
export const booleanColumn = z.union([z.literal(0), z.literal(1)]).transform((number) => number === 1);

export function toBooleanColumn(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}

export function toJsonColumn(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** @throws MeshError STORE_CORRUPT naming the table and what is wrong with the row */
export function parseRow<T extends z.ZodType>(schema: T, table: string, row: unknown): z.output<T> {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const [issue] = issueLines(parsed.error);
  throw new MeshError("STORE_CORRUPT", `a row of table ${table} cannot be read: ${issue}`, {
    cause: parsed.error,
  });
}
