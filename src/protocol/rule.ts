import { z } from "zod";
import { ArchName, Name, OsName, RuntimeKind, Skill, Tag } from "./capability.ts";
import { RuleId } from "./ids.ts";
import { Text } from "./text.ts";

export const StrategyName = z.enum(["least-busy", "round-robin", "weighted", "random", "fastest", "sticky"]);
export type StrategyName = z.infer<typeof StrategyName>;

/** Labels of one message, at most. */
export const maxLabels = 32;

/** Keys that mean something else to the objects that labels are kept in. */
const reservedKeys: readonly string[] = ["__proto__", "constructor", "prototype"];

/** Labels as they are kept and shown. */
export const Labels = z.record(z.string().min(1).max(64), z.string().max(256));
export type Labels = z.infer<typeof Labels>;

/** What is wrong with a key, in words; null: nothing. */
export function labelKeyProblem(key: string): string | null {
  return reservedKeys.includes(key) ? `"${key}" cannot be the key of a label` : null;
}

/** A record leaves the key `__proto__` out without a word: then a filter or a rule would fit what it was not meant for. */
const refusingReserved = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((labels: Labels, context) => {
    const keys = typeof labels === "object" && labels !== null ? Object.getOwnPropertyNames(labels) : [];
    for (const key of keys) {
      const problem = labelKeyProblem(key);
      if (problem !== null) context.addIssue({ code: "custom", message: problem, input: labels });
    }
    return labels;
  }, schema);

/** What a rule compares the labels of a message with: all pairs must be equal. */
export const RuleLabels = refusingReserved(Labels);

/** The labels that a client gives a message. */
export const MessageLabels = refusingReserved(
  z
    .record(Text.min(1).max(64), Text.max(256))
    .refine((labels) => Object.keys(labels).length <= maxLabels, `must not be more than ${maxLabels}`)
    .meta({ maxProperties: maxLabels }),
);

/**
 * When a rule applies. `content`, `source`, `labels` and `session` look at the message; `requires_…` at what it
 * needs, or, beside a message-side condition, they constrain the nodes.
 */
export const RuleMatch = z.strictObject({
  /** `/pattern/flags` (linear-time syntax, flags i, m, s) or a list of words. */
  content: z.union([Text.min(1).max(1024), z.array(Text.min(1).max(128)).min(1).max(64)]).optional(),
  /** Glob with `*` and `?`, compared without case. */
  source: Text.min(1).max(256).optional(),
  labels: RuleLabels.optional(),
  /** Glob over the session name. */
  session: Text.min(1).max(256).optional(),
  /** true: messages that carry the untrusted label; false: only those that do not. */
  untrusted: z.boolean().optional(),
  requires_gpu: z.boolean().optional(),
  requires_os: OsName.optional(),
  requires_arch: ArchName.optional(),
  requires_skill: Skill.optional(),
  requires_skills: z.array(Skill).min(1).max(32).optional(),
  requires_any_skill: z.array(Skill).min(1).max(32).optional(),
  requires_tag: Tag.optional(),
  requires_group: Name.optional(),
  requires_runtime: RuntimeKind.optional(),
  min_memory_gb: z.number().positive().max(1_000_000).optional(),
  wildcard: z.literal(true).optional(),
});
export type RuleMatch = z.infer<typeof RuleMatch>;

/** What happens when a rule applies and none of its nodes is a candidate. */
export const Otherwise = z.enum(["next", "queue", "fail"]);
export type Otherwise = z.infer<typeof Otherwise>;

/** A node name, node id or group name. Unknown ones warn; they may come later. */
const Target = Text.min(1).max(80);

/** A rule as a client writes it. */
export const RuleInput = z.strictObject({
  match: RuleMatch,
  target: Target.optional(),
  /** Tried in this order. */
  targets: z.array(Target).min(1).max(32).optional(),
  strategy: StrategyName.optional(),
  otherwise: Otherwise.optional(),
  /** Messages that the rule applies to are refused; it then has no target, strategy or otherwise. */
  refuse: z.literal(true).optional(),
});
export type RuleInput = z.infer<typeof RuleInput>;

/** `config` rules come first and are read-only. */
export const RuleOrigin = z.enum(["config", "api"]);
export type RuleOrigin = z.infer<typeof RuleOrigin>;

export const Rule = RuleInput.extend({
  id: RuleId,
  origin: RuleOrigin,
  /** Only in the answer to the call that made it: what looks wrong but may be meant, such as a target not there yet. */
  warnings: z.array(z.string()).optional(),
});
export type Rule = z.infer<typeof Rule>;

/** Nodes listed by hand, selected by capability, or both. */
export const GroupInput = z
  .strictObject({
    nodes: z.array(Target).max(1000).optional(),
    match: z
      .strictObject({
        os: OsName.optional(),
        arch: ArchName.optional(),
        gpu: z.boolean().optional(),
        skill: Skill.optional(),
        tag: Tag.optional(),
        runtime: RuntimeKind.optional(),
        min_memory_gb: z.number().positive().max(1_000_000).optional(),
      })
      .optional(),
  })
  .refine((group) => (group.nodes?.length ?? 0) > 0 || Object.keys(group.match ?? {}).length > 0, {
    error: "a group lists nodes or has a match, or both",
  });
export type GroupInput = z.infer<typeof GroupInput>;

export const Group = z.object({
  name: Name,
  origin: RuleOrigin,
  nodes: z.array(z.string()),
  match: GroupInput.shape.match,
});
export type Group = z.infer<typeof Group>;
