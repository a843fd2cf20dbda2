import type { PermissionOptionKind, RequestPermissionRequest } from "@agentclientprotocol/sdk";
import type { ApprovalPolicy } from "../runtime-settings.ts";

export type PermissionQuestion = Pick<RequestPermissionRequest, "sessionId" | "toolCall" | "options">;

/** As the protocol has it; an answer that chooses nothing is `cancelled`. */
export interface PermissionAnswer {
  readonly outcome:
    | { readonly outcome: "cancelled" }
    | { readonly outcome: "selected"; readonly optionId: string };
}

/** What an agent is told that may not, or no longer, ask. */
export const noPermission: PermissionAnswer = { outcome: { outcome: "cancelled" } };

/**
 * What the agent is answered. Nothing is ever allowed or refused for good: the next question is asked again. A question
 * without such an option is answered by `cancelled`.
 */
export function decidePermission(
  policy: ApprovalPolicy,
  options: PermissionQuestion["options"],
): PermissionAnswer {
  const wanted: PermissionOptionKind = policy === "allow" ? "allow_once" : "reject_once";
  const option = options.find(({ kind }) => kind === wanted);
  return option === undefined
    ? noPermission
    : { outcome: { outcome: "selected", optionId: option.optionId } };
}
