/**
 * What we read of OpenClaw's frames, and nothing else of them. Everything may be missing but what the protocol calls
 * required; unknown fields are ignored, so that newer gateways can talk to us.
 */
import { z } from "zod";

export const Hello = z.object({
  server: z.object({ version: z.string(), bootId: z.string() }),
});

/** Payload of an `agent` event. */
export const AgentEvent = z.object({
  runId: z.string(),
  /** Counts the events of the run from 1. */
  seq: z.number().optional(),
  stream: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type AgentEvent = z.infer<typeof AgentEvent>;

export const AssistantData = z.object({
  text: z.string().optional(),
  delta: z.string().optional(),
  itemId: z.string().optional(),
  replace: z.boolean().optional(),
});
export type AssistantData = z.infer<typeof AssistantData>;

export const LifecycleData = z.object({
  phase: z.string(),
  provider: z.string().nullish(),
  errorObservation: z.object({ failoverReason: z.string().optional() }).optional(),
});

/** First answer to `agent`. */
export const Accepted = z.object({ runId: z.string(), sessionKey: z.string().optional() });

const Payload = z.object({ text: z.string().nullish(), isError: z.boolean().optional() });

/** Last answer to `agent`, in any of its shapes. */
export const FinalAnswer = z.object({
  status: z.string(),
  summary: z.string().optional(),
  stopReason: z.string().optional(),
  timeoutPhase: z.string().optional(),
  result: z.object({ payloads: z.array(Payload).optional() }).optional(),
});
export type FinalAnswer = z.infer<typeof FinalAnswer>;

/** Answer to `agent.wait`. Without `endedAt`: not finished yet, or not known to this gateway process. */
export const WaitAnswer = z.object({
  status: z.string(),
  endedAt: z.number().optional(),
  error: z.string().optional(),
  stopReason: z.string().optional(),
  timeoutPhase: z.string().optional(),
  terminalReply: z.object({ disposition: z.string().optional() }).optional(),
});
export type WaitAnswer = z.infer<typeof WaitAnswer>;

const ContentPart = z.object({ type: z.string().optional(), text: z.string().optional() });

export const HistoryMessage = z.object({
  role: z.string(),
  content: z.union([z.string(), z.array(ContentPart)]).optional(),
  idempotencyKey: z.string().optional(),
  stopReason: z.string().optional(),
  provenance: z.object({ sourceTool: z.string().optional() }).nullish(),
  __openclaw: z
    .object({
      id: z.string().optional(),
      runId: z.string().optional(),
      truncated: z.boolean().optional(),
      /** Of rows that are no message, such as `compaction` or `reset`: what came before them may be gone. */
      kind: z.string().optional(),
      /** Where a message too large for the history keeps its mark. */
      idempotencyKey: z.string().optional(),
    })
    .optional(),
});
export type HistoryMessage = z.infer<typeof HistoryMessage>;

export const ChatHistory = z.object({
  messages: z.array(HistoryMessage),
  /** There are older messages than these, whether the number asked for or their size left them out. */
  hasMore: z.boolean().optional(),
  pendingInputs: z
    .object({
      items: z.array(z.object({ runId: z.string().optional(), state: z.string() })),
      /** Of all that wait; `items` are the newest of them. */
      total: z.number().optional(),
    })
    .optional(),
  sessionInfo: z
    .object({
      status: z.string().optional(),
      abortedLastRun: z.boolean().optional(),
      hasActiveRun: z.boolean().optional(),
      activeRunIds: z.array(z.string()).optional(),
    })
    .optional(),
});
export type ChatHistory = z.infer<typeof ChatHistory>;

export const FullMessage = z.object({ message: HistoryMessage.optional() });

export const Lanes = z.object({
  lanes: z.array(
    z.object({
      lane: z.string(),
      activeCount: z.int().min(0),
      queuedCount: z.int().min(0),
      maxConcurrent: z.int().min(1).optional(),
      draining: z.boolean().optional(),
    }),
  ),
});

export const SessionDescription = z.object({ session: z.object({ key: z.string() }).nullable() });

export const SessionList = z.object({
  sessions: z.array(
    z.object({ key: z.string(), updatedAt: z.number().nullish(), hasActiveRun: z.boolean().optional() }),
  ),
  hasMore: z.boolean().optional(),
});
export type SessionList = z.infer<typeof SessionList>;

/** `details` of an error answer. */
export const ErrorDetails = z.object({ code: z.string().optional(), reason: z.string().optional() });
