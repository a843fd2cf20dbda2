import { z } from "zod";
import { Capabilities, Name, RuntimeKind } from "../../capability.ts";
import { Failure } from "../../failure.ts";
import { AttemptNumber, Instance, MeshId, NodeId, TaskId } from "../../ids.ts";
import { Effects, maxContentLength } from "../../message.ts";
import { NodeLoad, RuntimeStatus } from "../../node.ts";
import { Labels } from "../../rule.ts";

/**
 * The link, version 1. A WebSocket text message is a JSON array of frames. Unknown fields and unknown frame types
 * are ignored, so that older and newer peers can talk. docs/reference/link-protocol.md describes the order of frames.
 */
export const linkVersion = 1;

/** Bytes of one WebSocket message; a longer one closes the link. */
export const maxLinkMessageBytes = 4 * 1024 * 1024;

/** Bytes after which a batch is closed and sent. */
export const batchBytes = 256 * 1024;

/** Answers up to this many UTF-16 code units ride in the `result` frame; longer ones go before it in final chunks. */
export const maxInlineLength = 64 * 1024;

/** UTF-16 code units of text in one chunk frame at most. */
export const maxChunkLength = 64 * 1024;

/** No message has more time than a week, and no drain. */
const maxTimeoutMs = 7 * 24 * 3600 * 1000;

const attemptRef = { task: TaskId, attempt: AttemptNumber } as const;
export const AttemptRef = z.object(attemptRef);
export type AttemptRef = z.infer<typeof AttemptRef>;

/** Offsets count UTF-16 code units of the attempt's text. */
const Offset = z.int().min(0);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

// ---- node → coordinator ----

export const HelloFrame = z.object({
  type: z.literal("hello"),
  /** Link versions the node speaks. */
  versions: z.array(z.int()).min(1).max(16),
  /** Version of the node's software. */
  software: z.string().max(64),
  /** Absent at the first join. */
  node_id: NodeId.optional(),
  name: Name,
  instance: Instance,
  capabilities: Capabilities,
  slots: z.int().min(1).max(10_000),
  runtimes: z.array(RuntimeStatus).max(16),
  /** Attempts that are running now, with the length of the text so far. */
  running: z
    .array(
      AttemptRef.extend({
        offset: Offset,
        started_at: z.iso.datetime(),
        /** Which of the node's runtimes has it; absent from an older node. */
        runtime: RuntimeKind.optional(),
      }),
    )
    .max(10_000),
  /** Attempts whose outcome is in the journal and was not yet acknowledged; the outcomes follow after `welcome`. */
  unacknowledged: z.array(AttemptRef).max(10_000),
  /** It takes nothing new: it was drained before the link was lost, or is being stopped. */
  draining: z.literal(true).optional(),
});
export type HelloFrame = z.infer<typeof HelloFrame>;

export const StatusFrame = z.object({
  type: z.literal("status"),
  load: NodeLoad,
  slots: z.int().min(1).max(10_000),
  runtimes: z.array(RuntimeStatus).max(16),
  /** Attempts whose gateway was lost and is being waited for. */
  recovering: z.array(AttemptRef).max(10_000),
});
export type StatusFrame = z.infer<typeof StatusFrame>;

/** The attempt was never started here and never will be. */
export const RefuseFrame = z.object({
  type: z.literal("refuse"),
  ...attemptRef,
  reason: z.enum(["full", "draining", "not_ready", "no_such_runtime", "journal_full"]),
  message: z.string().max(1024),
});
export type RefuseFrame = z.infer<typeof RefuseFrame>;

/** The journal holds the attempt; the runtime is being called. */
export const StartedFrame = z.object({
  type: z.literal("started"),
  ...attemptRef,
  /** Which of the node's runtimes has it; absent from an older node. */
  runtime: RuntimeKind.optional(),
});
export type StartedFrame = z.infer<typeof StartedFrame>;

/**
 * A piece of text. Without `final` it is a preview: an offset lower than the length so far means that the text starts
 * again there. With `final` it is part of the answer itself, sent in order from offset 0 right before its `result`.
 */
export const ChunkFrame = z.object({
  type: z.literal("chunk"),
  ...attemptRef,
  offset: Offset,
  text: z.string().max(maxChunkLength),
  final: z.literal(true).optional(),
});
export type ChunkFrame = z.infer<typeof ChunkFrame>;

/** The answer: inline in `text`, or (longer than {@link maxInlineLength}) in the final chunks before it. */
export const ResultFrame = z.object({
  type: z.literal("result"),
  ...attemptRef,
  /** UTF-16 code units. */
  length: Offset,
  text: z.string().max(maxInlineLength).optional(),
  /** Of the UTF-8 text; present when `text` is not. */
  sha256: Sha256.optional(),
});
export type ResultFrame = z.infer<typeof ResultFrame>;

export const FailedFrame = z.object({ type: z.literal("failed"), ...attemptRef, failure: Failure });
export type FailedFrame = z.infer<typeof FailedFrame>;

/** The run was stopped before it had an answer. */
export const CancelledFrame = z.object({ type: z.literal("cancelled"), ...attemptRef });
export type CancelledFrame = z.infer<typeof CancelledFrame>;

/** The node cannot learn what became of the attempt. */
export const LostFrame = z.object({
  type: z.literal("lost"),
  ...attemptRef,
  /** false only when the journal proves that the runtime was never called. */
  started: z.boolean(),
  /** The old run can do nothing more, so the task may move at once. */
  fenced: z.boolean(),
  reason: z.string().max(1024),
});
export type LostFrame = z.infer<typeof LostFrame>;

export const CapabilitiesFrame = z.object({ type: z.literal("capabilities"), capabilities: Capabilities });
export type CapabilitiesFrame = z.infer<typeof CapabilitiesFrame>;

export const GoodbyeFrame = z.object({ type: z.literal("goodbye"), reason: z.string().max(256) });
export type GoodbyeFrame = z.infer<typeof GoodbyeFrame>;

/** Answers a `ping` that is not quiet. */
export const PongFrame = z.object({ type: z.literal("pong") });

export const NodeFrame = z.discriminatedUnion("type", [
  HelloFrame,
  StatusFrame,
  RefuseFrame,
  StartedFrame,
  ChunkFrame,
  ResultFrame,
  FailedFrame,
  CancelledFrame,
  LostFrame,
  CapabilitiesFrame,
  GoodbyeFrame,
  PongFrame,
]);
export type NodeFrame = z.infer<typeof NodeFrame>;

// ---- coordinator → node ----

export const WelcomeFrame = z.object({
  type: z.literal("welcome"),
  version: z.int(),
  mesh_id: MeshId,
  node_id: NodeId,
  name: Name,
  /** Only at the first join: the node's own token, shown once. */
  token: z
    .string()
    .min(32)
    .max(256)
    .regex(/^[\x21-\x7e]+$/)
    .optional(),
  /** Software version of the coordinator. */
  software: z.string().max(64),
  /** Whether this node id was known before (`re-registered`). */
  returning: z.boolean(),
  /** Interval of the node's `status` frames. */
  beat_ms: z.int().min(100).max(3_600_000),
  /** Cap of the reconnect backoff. */
  backoff_cap_ms: z.int().min(250).max(600_000),
  /** Attempts the coordinator believes to be on this node: stream again from `offset`, or report `lost`. */
  resume: z.array(AttemptRef.extend({ offset: Offset })).max(10_000),
});
export type WelcomeFrame = z.infer<typeof WelcomeFrame>;

export const OfferFrame = z.object({
  type: z.literal("offer"),
  ...attemptRef,
  content: z.string().max(maxContentLength),
  source: z.string().max(256),
  /** `key` is opaque and differs between the owners of equal names; `name` is what the sender called it. */
  session: z.object({ key: z.string().regex(/^[0-9a-f]{32}$/), name: z.string().max(256) }).optional(),
  labels: Labels.optional(),
  effects: Effects,
  /** What is left of the task's time. */
  timeout_ms: z.int().min(1).max(maxTimeoutMs),
  /** Set when the message requires a kind of runtime. */
  runtime: RuntimeKind.optional(),
  /** The one that the coordinator counts it for, without `runtime`: another one will do when this one has no room. */
  prefers: RuntimeKind.optional(),
  /** The text is another owner's: data, whatever it says. */
  untrusted: z.literal(true).optional(),
});
export type OfferFrame = z.infer<typeof OfferFrame>;

export const CancelFrame = z.object({
  type: z.literal("cancel"),
  ...attemptRef,
  reason: z.enum(["cancelled", "timeout", "superseded"]),
});
export type CancelFrame = z.infer<typeof CancelFrame>;

/** The outcome is durable at the coordinator: the journal may forget it. */
export const AckFrame = z.object({
  type: z.literal("ack"),
  ...attemptRef,
  /** The coordinator does not know this attempt. */
  unknown: z.literal(true).optional(),
});
export type AckFrame = z.infer<typeof AckFrame>;

/** Take nothing new, finish what runs, say goodbye. Another one replaces the deadline. */
export const DrainFrame = z.object({
  type: z.literal("drain"),
  deadline_ms: z.int().min(0).max(maxTimeoutMs),
  reason: z.string().max(256),
});
export type DrainFrame = z.infer<typeof DrainFrame>;

/** The drain is taken back: take work again, unless the leaving has begun. An older node passes this over and leaves. */
export const UndrainFrame = z.object({ type: z.literal("undrain") });
export type UndrainFrame = z.infer<typeof UndrainFrame>;

/**
 * A sign of life. `quiet`: sent because nothing else was for a whole interval, and not answered, as the node's own sign of
 * life is its `status`; without it the node answers with `pong` at once.
 */
export const PingFrame = z.object({ type: z.literal("ping"), quiet: z.literal(true).optional() });

export const CoordinatorFrame = z.discriminatedUnion("type", [
  WelcomeFrame,
  OfferFrame,
  CancelFrame,
  AckFrame,
  DrainFrame,
  UndrainFrame,
  PingFrame,
]);
export type CoordinatorFrame = z.infer<typeof CoordinatorFrame>;

/** WebSocket close codes of the link; the reason text is an error code of the catalogue. */
export const closeCodes = {
  /** Orderly end: goodbye was said, or the coordinator stops. */
  done: 1000,
  goingAway: 1001,
  /** The peer broke the protocol: no JSON array, a frame that does not parse, a frame out of order. */
  protocolError: 4400,
  /** The token does not open this node, or the invite is used up: do not retry with it. */
  notAllowed: 4401,
  /** Another agent holds this node (`NODE_ALREADY_LINKED`): do not reconnect. */
  alreadyLinked: 4409,
  /** A newer link of the same node took over: do not reconnect. */
  replaced: 4410,
  /** The peer reads too slowly. */
  tooSlow: 4413,
  /** No common link version. */
  versionMismatch: 4426,
  /** The node was removed by an operator: do not reconnect. */
  removed: 4404,
  /** No sign of life for three intervals. */
  silent: 4408,
} as const;
