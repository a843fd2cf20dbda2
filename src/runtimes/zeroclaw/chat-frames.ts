import { z } from "zod";
import { readJson } from "../bounded-body.ts";

const nullish = z.string().nullish().catch(null);

/** Frames of `/ws/chat` that matter to a run; all others, and those of later versions, are `other`. */
const ServerFrame = z.discriminatedUnion("type", [
  z.object({ type: z.literal("session_start"), session_id: z.string() }),
  z.object({ type: z.literal("chunk"), content: z.string() }),
  /** Signs of a turn that has begun, of which nothing else is needed. */
  z.object({ type: z.enum(["thinking", "tool_call", "tool_result", "plan"]) }),
  z.object({
    type: z.literal("approval_request"),
    request_id: z.string(),
    /** Shown to people: no more of it than fits a line. */
    tool: z.string().transform((tool) => tool.slice(0, 128)),
  }),
  z.object({ type: z.literal("done"), full_response: z.string() }),
  z.object({ type: z.literal("aborted") }),
  z.object({ type: z.literal("error"), code: nullish, message: nullish }),
]);
export type ServerFrame =
  | z.infer<typeof ServerFrame>
  | { readonly type: "other" }
  /** It was not read. */
  | { readonly type: "too_long" };

const other = { type: "other" } as const;

/** @param maxLength UTF-16 code units of a frame that is read at all */
export function readFrame(text: string, maxLength: number): ServerFrame {
  if (text.length > maxLength) return { type: "too_long" };
  const frame = ServerFrame.safeParse(readJson(text));
  return frame.success ? frame.data : other;
}
