import { z } from "zod";
import { Requirements } from "./capability.ts";
import { NodeId, RuleId } from "./ids.ts";
import { RuleOrigin, StrategyName } from "./rule.ts";

/** Why a node did not get a message. */
export const RefusalReason = z.enum([
  "offline",
  "not_ready",
  "cordoned",
  "draining",
  "breaker_open",
  "not_capable",
  "not_target",
  "not_allowed",
  "full",
  "already_tried",
]);
export type RefusalReason = z.infer<typeof RefusalReason>;

/** How many nodes a stored decision names at most; the counts cover all. */
export const maxNamedNodes = 20;

const RankedNode = z.object({ node_id: NodeId, name: z.string(), score: z.number(), why: z.string() });
const RefusedNode = z.object({
  node_id: NodeId,
  name: z.string(),
  reason: RefusalReason,
  /** e.g. `os=darwin` for `not_capable`, `offline since <time>`. */
  detail: z.string().optional(),
});
const InferredNeed = z.object({ need: z.string(), because: z.string() });

/** One thing that would let a waiting message go on: what a node must have, and who has it but cannot serve. */
const Unblock = z.object({
  needs: z.string(),
  nodes: z.array(
    z.object({
      node_id: NodeId,
      name: z.string(),
      reason: RefusalReason,
      since: z.iso.datetime().optional(),
    }),
  ),
});

/** The outcome of routing one message, with reasons. */
export const Decision = z.object({
  decided_at: z.iso.datetime(),
  /** `refused`: its rule refuses such messages. */
  outcome: z.enum(["assigned", "waiting", "unroutable", "refused"]),
  /** The message carries the untrusted label. */
  untrusted: z.literal(true).optional(),
  /** null: no rule applied, or none that did had a node (`passed_over`): all nodes were considered, by the default strategy. */
  rule: z
    .object({
      id: RuleId,
      origin: RuleOrigin,
      position: z.int(),
      text: z.string(),
      target: z.string().nullable(),
    })
    .nullable(),
  /** Rules before it that applied too, and had no node that could take the message; at most 20. */
  passed_over: z.array(z.object({ id: RuleId, position: z.int(), text: z.string() })),
  strategy: StrategyName,
  /** Set when the message named its node or group. */
  target: z.string().nullable(),
  session: z
    .object({
      name: z.string(),
      binding: z.enum(["new", "kept", "moved", "waiting"]),
      node_id: NodeId.nullable(),
    })
    .nullable(),
  declared: Requirements,
  inferred: z.array(InferredNeed),
  /** Nodes that could take it now; `ranking` names the best of them. */
  candidate_count: z.int(),
  /** Best first, at most 20. The first is where the message goes, the others are the fallbacks. */
  ranking: z.array(RankedNode),
  refused: z.object({ counts: z.partialRecord(RefusalReason, z.int()), named: z.array(RefusedNode) }),
  unblock: z.array(Unblock),
});
export type Decision = z.infer<typeof Decision>;
