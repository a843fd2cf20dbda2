import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { Decision } from "../../protocol/decision.ts";

/**
 * A decision as the sender of the message may see it. One who may use only the nodes of some groups learns nothing of the
 * others: neither their names nor their number, nor where a rule leads, nor which words of theirs the text was read for.
 */
export function toSendersView(
  decision: Decision,
  { allowedGroups }: Pick<TaskMessage, "allowedGroups">,
): Decision {
  if (allowedGroups === null) return decision;
  const { not_allowed: _, ...counts } = decision.refused.counts;
  return {
    ...decision,
    rule: decision.rule === null ? null : { ...decision.rule, target: null },
    inferred: [],
    ranking: decision.ranking.map((node) => ({ ...node, why: node.why.split("; ")[0] ?? "" })),
    refused: { counts, named: decision.refused.named.filter(({ reason }) => reason !== "not_allowed") },
    unblock: decision.unblock.map(({ needs, nodes }) => ({
      needs,
      nodes: nodes.filter(({ reason }) => reason !== "not_allowed"),
    })),
  };
}
