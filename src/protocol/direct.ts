import { z } from "zod";
import { RuntimeKind } from "./capability.ts";
import { Failure } from "./failure.ts";
import { parseJsonText } from "./json-text.ts";
import { Effects } from "./message.ts";
import { RuntimeStatus } from "./node.ts";

/**
 * The direct transport: the coordinator calls the node over HTTP, as the classic tool does. Bodies hold exactly what the
 * classic tool knows, because it refuses anything else; what is new between two of our own rides in headers, which it
 * passes over. docs/how-to/direct-transport.md tells how to use it.
 */
export const directMessagesPath = "/api/v1/messages";
export const directHealthPath = "/healthz";

/** Port a node listens on when nothing else is said. */
export const defaultDirectPort = 9121;

/** Between two heartbeats of a node. */
export const directHeartbeatMs = 15_000;

/** A message as it is delivered. */
export const DirectMessage = z.strictObject({
  /** Names the attempt: a repeat of it is the same attempt. Also the run's name in a runtime, hence the characters. */
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/),
  content: z.string().min(1),
  source: z.string().max(256).default(""),
  target_node: z.string().max(256).optional(),
  created_at: z.string().max(64).optional(),
});
export type DirectMessage = z.infer<typeof DirectMessage>;

export const DirectAnswer = z.object({ message_id: z.string(), node_id: z.string(), response: z.string() });
export type DirectAnswer = z.infer<typeof DirectAnswer>;

/** On a registration and a heartbeat: what the classic bodies have no place for. */
export const directNodeHeader = "claw-mesh-node";
export const DirectNode = z.object({
  version: z.string().max(64),
  slots: z.int().min(1).max(10_000),
  runtimes: z.array(RuntimeStatus).max(16),
});
export type DirectNode = z.infer<typeof DirectNode>;

/** On a message: what else the offer of a link says. */
export const directOfferHeader = "claw-mesh-offer";
export const DirectOffer = z.object({
  timeout_ms: z.number().positive(),
  effects: Effects,
  session: z.object({ key: z.string().regex(/^[0-9a-f]{32}$/), name: z.string().max(256) }).optional(),
  untrusted: z.literal(true).optional(),
  /** The one that it has to be given to. */
  runtime: RuntimeKind.optional(),
  /** The one that it is counted for, where it may be given to any. */
  prefers: RuntimeKind.optional(),
});
export type DirectOffer = z.infer<typeof DirectOffer>;

/** On an answer with status 429 or 500: how the attempt ended, in the words of a link. */
export const directOutcomeHeader = "claw-mesh-outcome";
export const DirectOutcome = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("refused"), reason: z.enum(["full", "draining", "not_ready"]) }),
  z.object({ kind: z.literal("failed"), failure: Failure.omit({ message: true }) }),
  z.object({ kind: z.literal("lost"), started: z.boolean(), fenced: z.boolean() }),
]);
export type DirectOutcome = z.infer<typeof DirectOutcome>;

/** On an answer: the runtime that had the attempt. */
export const directRuntimeHeader = "claw-mesh-runtime";

/** JSON in the characters that a header may hold. */
export function toHeaderJson(value: DirectNode | DirectOffer | DirectOutcome): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** @returns null without the header, or when it says nothing that fits */
export function fromHeaderJson<Schema extends z.ZodType>(
  schema: Schema,
  text: string | null,
): z.output<Schema> | null {
  if (text === null) return null;
  try {
    const parsed = schema.safeParse(parseJsonText(text));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** What the classic tool answers with status 200 when its gateway failed, or when it has none. */
export const classicGatewayError = "[claw-mesh] Gateway error (echo fallback)";
export const classicNoGateway = "[claw-mesh] Gateway not available";
