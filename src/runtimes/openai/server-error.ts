import { z } from "zod";

/** What a server says about its error; servers differ in how much. */
export interface ServerError {
  readonly message: string | null;
  /** `type`, `code` and the like in lower case: the machine-readable words. */
  readonly words: readonly string[];
  /** An HTTP status given as a number inside the body. */
  readonly status: number | null;
}

const Word = z.union([z.string(), z.number()]).nullish().catch(null);
const ErrorObject = z.object({ message: z.string().nullish().catch(null), type: Word, code: Word });
/** `{"error":{…}}` of OpenAI, `{"error":"…"}` of Ollama, `{"message":…}` and `{"detail":…}` of other servers. */
const ErrorBody = z.object({
  error: z.union([z.string(), ErrorObject]).nullish().catch(null),
  message: z.string().nullish().catch(null),
  detail: z.string().nullish().catch(null),
  type: Word,
  code: Word,
});

const toWords = (...values: readonly (string | number | null | undefined)[]) =>
  values.filter((value) => typeof value === "string").map((value) => value.toLowerCase());

const toStatus = (value: string | number | null | undefined) =>
  typeof value === "number" && value >= 400 && value <= 599 ? value : null;

/** Reads the body of an error answer; a body that tells nothing gives an error without message and words. */
export function readServerError(body: unknown): ServerError {
  const parsed = ErrorBody.safeParse(body);
  if (!parsed.success) return { message: null, words: [], status: null };
  const { error, message, detail, type, code } = parsed.data;
  if (typeof error === "object" && error !== null) {
    return {
      message: error.message ?? null,
      words: toWords(error.type, error.code),
      status: toStatus(error.code),
    };
  }
  return {
    message: error ?? message ?? detail ?? null,
    words: toWords(type, code),
    status: toStatus(code),
  };
}

/** Whether the body of an answer with status 200, or an event of a stream, is an error nevertheless. */
export function isErrorBody(body: unknown): boolean {
  if (typeof body !== "object" || body === null) return false;
  if ("error" in body && body.error !== null && body.error !== undefined) return true;
  return "object" in body && body.object === "error";
}
