import { z } from "zod";

/**
 * Text that comes from outside and is kept: half of a surrogate pair in it would come back from the disk, or out of a
 * stream, as another character.
 */
export const Text = z
  .string()
  .refine((text) => text.isWellFormed(), "must be well-formed Unicode: it holds half of a surrogate pair");
