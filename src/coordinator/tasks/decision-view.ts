import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { Decision } from "../../protocol/decision.ts";

/** Whose message a decision is about, and who looks at it. */
export interface DecisionViewer {
  readonly message: Pick<TaskMessage, "allowedGroups">;
  /** He has the scope `read`: he may see the mesh and its rules. */
  readonly seesAll: boolean;
}

/**
 * A decision as its viewer may see it. A sender is not told what a rule that refuses looks for. One who may use only the
 * nodes of some groups learns nothing of the others and of the rules: neither names nor number of nodes, nor what rules
 * ask for and where they lead, nor which words of theirs the text was read for.
 */
export function viewDecision(decision: Decision, { message, seesAll }: DecisionViewer): Decision {
  if (seesAll) return decision;
  if (message.allowedGroups !== null) return withoutMesh(decision);
  const { rule, outcome } = decision;
  return outcome === "refused" && rule !== null ? { ...decision, rule: { ...rule, text: "" } } : decision;
}

function withoutMesh(decision: Decision): Decision {
  const { rule, session } = decision;
  const { not_allowed: _, ...counts } = decision.refused.counts;
  const named = decision.refused.named.filter(({ reason }) => reason !== "not_allowed");
  const known = new Set([...decision.ranking, ...named].map(({ node_id }) => node_id));
  const isKnown = session?.node_id != null && known.has(session.node_id);
  return {
    ...decision,
    rule: rule === null ? null : { ...rule, text: "", target: null },
    passed_over: [],
    session: session === null || isKnown ? session : { ...session, node_id: null },
    inferred: [],
    refused: { counts, named },
    unblock: decision.unblock.map(({ needs, nodes }) => ({
      needs,
      nodes: nodes.filter(({ reason }) => reason !== "not_allowed"),
    })),
  };
}
