import type { ApprovalPolicy } from "./runtime-settings.ts";

/** A text of another owner gets no tool that somebody would have to be asked about: `allow` is `deny` for it. */
export function choosePolicy(policy: ApprovalPolicy, isUntrusted: boolean): ApprovalPolicy {
  return isUntrusted && policy === "allow" ? "deny" : policy;
}
