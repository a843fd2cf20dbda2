import { z } from "zod";
import { Requirements } from "./capability.ts";
import { Labels } from "./rule.ts";

/** `safe`: the message may be run again without harm; `unsafe`: it may not, without being asked. */
export const Effects = z.enum(["safe", "unsafe"]);
export type Effects = z.infer<typeof Effects>;

/** Seconds; bounds the whole task, all attempts and waits included. */
export const defaultTimeoutS = 600;

/** Characters (UTF-16 code units); the body limit of 1 MiB usually bites first. */
export const maxContentLength = 1024 * 1024;

/** What a client asks, as `POST /route` takes it. */
export const MessageInput = z.strictObject({
  content: z.string().min(1, "must not be empty").max(maxContentLength),
  /** Who asks: `cli`, `telegram:12345` … */
  source: z.string().min(1).max(256).default("api"),
  /** A conversation; its messages stay on one node while that node can serve. */
  session: z.string().min(1).max(256).optional(),
  requires: Requirements.optional(),
  labels: Labels.optional(),
  timeout_s: z
    .number()
    .positive()
    .max(7 * 24 * 3600)
    .optional(),
  effects: Effects.optional(),
  /** false switches off the requirements inferred from the text. */
  infer: z.boolean().optional(),
});
export type MessageInput = z.infer<typeof MessageInput>;
