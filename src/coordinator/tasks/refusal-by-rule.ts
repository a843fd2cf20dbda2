import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { Decision } from "../../protocol/decision.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Principal } from "../auth/principal.ts";
import { viewDecision } from "./decision-view.ts";
import { seesAll } from "./task-access.ts";

/** A rule keeps a message from being accepted: nothing of it is kept. It says what any sender may know. */
export class RefusalByRule extends MeshError {
  readonly decision: Decision;

  constructor(decision: Decision, message: TaskMessage) {
    super("REFUSED_BY_RULE", refusalText(decision), {
      details: { decision: viewDecision(decision, { message, seesAll: false }) },
    });
    this.decision = decision;
  }
}

/** Submits; who has the scope `read` is told all about a rule that refuses. */
export async function tellingRefusals<Result>(
  principal: Principal,
  submit: () => Promise<Result>,
): Promise<Result> {
  try {
    return await submit();
  } catch (error) {
    if (!(error instanceof RefusalByRule && seesAll(principal))) throw error;
    const { decision } = error;
    throw new MeshError("REFUSED_BY_RULE", fullRefusalText(decision), { details: { decision } });
  }
}

/** Of a decision with the outcome `refused`: what is stored, and what its sender is told. */
export function refusalText({ rule }: Decision): string {
  return rule === null ? "A rule refuses this message." : `Rule ${rule.position} refuses this message.`;
}

/** With what the rule looks for. */
export function fullRefusalText(decision: Decision): string {
  const { rule } = decision;
  return rule === null ? refusalText(decision) : `Rule ${rule.position} (${rule.text}) refuses this message.`;
}
