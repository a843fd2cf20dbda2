import { z } from "zod";
import { Capabilities, Name, RuntimeKind, Tag } from "./capability.ts";
import { NodeId } from "./ids.ts";

/** How a gateway that the node keeps alive (`--supervise`) is doing. `crash_loop`: it is given up until somebody starts it. */
export const Supervision = z.object({
  state: z.enum(["starting", "running", "backing_off", "crash_loop", "stopped"]),
  /** Times that it was started again since the agent began. */
  restarts: z.int().min(0),
  /** Why it is not running, or how it ended last; null when it never did. One line without secrets. */
  detail: z.string().max(1024).nullable(),
  /** When it is started again; null unless it is `backing_off`. */
  next_start_at: z.iso.datetime().nullable(),
});
export type Supervision = z.infer<typeof Supervision>;

/** What a node says about one of its runtimes. */
export const RuntimeStatus = z.object({
  kind: RuntimeKind,
  version: z.string().max(128).nullable(),
  ready: z.boolean(),
  /** Why it is not ready; null when it is. */
  reason: z.string().max(1024).nullable(),
  /** Attempts the runtime is working on and has queued, its other users included; null when it does not tell. */
  active: z.int().min(0).nullable(),
  queued: z.int().min(0).nullable(),
  /** Attempts that this node gives it at once; absent from an older node: the node's slots count alone. */
  slots: z.int().min(1).max(10_000).optional(),
  /** Attempts of this node that it works on now. */
  in_flight: z.int().min(0).optional(),
  /** Present when the node keeps the gateway alive. */
  supervision: Supervision.optional(),
});
export type RuntimeStatus = z.infer<typeof RuntimeStatus>;

/** Load of the machine as the node agent sees it. */
export const NodeLoad = z.object({
  in_flight: z.int().min(0),
  /** 0 to 1, all cores. */
  cpu: z.number().min(0).max(1),
  /** 0 to 1, memory in use. */
  memory: z.number().min(0).max(1),
});
export type NodeLoad = z.infer<typeof NodeLoad>;

export const NodeStatus = z.enum(["online", "busy", "offline"]);
export type NodeStatus = z.infer<typeof NodeStatus>;

export const Scheduling = z.enum(["active", "cordoned", "draining"]);
export type Scheduling = z.infer<typeof Scheduling>;

export const Transport = z.enum(["link", "direct"]);
export type Transport = z.infer<typeof Transport>;

/** One way in which a node has failed too often to get work as before. */
export const NodeBreaker = z.object({
  /** Kind of the runtime's failure, or `lost_after_start`. */
  cause: z.enum(["auth", "quota", "overloaded", "internal", "lost_after_start"]),
  /** It gets no work before this moment; null: it is being tried again with one message at a time. */
  open_until: z.iso.datetime().nullable(),
});
export type NodeBreaker = z.infer<typeof NodeBreaker>;

/** A node as the API shows it; a superset of the classic tool's object. */
export const NodeInfo = z.object({
  id: NodeId,
  name: Name,
  /** `link`, or the address of a direct endpoint. */
  endpoint: z.string(),
  /** `tags` are the effective ones: the node's own, plus and minus the operator's edits. */
  capabilities: Capabilities,
  status: NodeStatus,
  last_heartbeat: z.iso.datetime(),
  transport: Transport,
  ready: z.boolean(),
  /** Why it is not ready (`degraded`); null when it is. */
  reason: z.string().nullable(),
  scheduling: Scheduling,
  slots: z.int(),
  in_flight: z.int(),
  load: NodeLoad.nullable(),
  runtimes: z.array(RuntimeStatus),
  groups: z.array(z.string()),
  weight: z.number(),
  /** Empty while it works; an older coordinator does not tell. */
  breakers: z.array(NodeBreaker).default([]),
  /** Exponentially weighted mean of the answer time, milliseconds; null before the first answer. */
  latency_ms: z.number().nullable(),
  version: z.string().nullable(),
  joined_at: z.iso.datetime(),
  /** Since when it has the present status. */
  since: z.iso.datetime(),
});
export type NodeInfo = z.infer<typeof NodeInfo>;

/** Seconds that a drained node has for what runs, unless its operator says otherwise. */
export const defaultDrainDeadlineS = 600;

/** What an operator may change of a node. */
export const NodePatch = z.strictObject({
  scheduling: Scheduling.optional(),
  /**
   * With `scheduling: draining`: seconds that running work has to finish before it is stopped. Default
   * {@link defaultDrainDeadlineS}. Without effect otherwise.
   */
  deadline_s: z.number().min(0).max(86_400).optional(),
  add_tags: z.array(Tag).max(64).optional(),
  remove_tags: z.array(Tag).max(64).optional(),
  weight: z.number().min(0).max(1000).optional(),
});
export type NodePatch = z.infer<typeof NodePatch>;
