import type { z } from "zod";
import { issueLines, MeshError } from "../protocol/errors.ts";

/** What flags were put together to, as the API takes it. Throws USAGE with all that is wrong. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new MeshError("USAGE", issueLines(parsed.error).join("; "));
}
