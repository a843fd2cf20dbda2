/** The public words of claw-mesh: what its HTTP API and its link say. Every name here is deliberate and pinned. */
export {
  Capabilities,
  Name,
  Requirements,
  RuntimeKind,
  Skill,
  Tag,
} from "./capability.ts";
export { Decision, RefusalReason } from "./decision.ts";
export { ErrorBody, ErrorCode, errorCatalogue, MeshError } from "./errors.ts";
export { Failure, FailureClass, RuntimeErrorKind } from "./failure.ts";
export {
  apiPrefix,
  type Contract,
  contract,
  Health,
  Invite,
  InviteInput,
  Readiness,
  RegisterInput,
  RouteAnswer,
  StreamEvents,
} from "./http/contract.ts";
export type { HttpMethod, RouteContract, Scope } from "./http/route.ts";
export {
  type AttemptKey,
  AttemptNumber,
  fromAttemptKey,
  Instance,
  InviteId,
  MeshId,
  NodeId,
  RuleId,
  TaskId,
  toAttemptKey,
} from "./ids.ts";
export { CoordinatorFrame, linkVersion, maxLinkMessageBytes, NodeFrame } from "./link/v1/frames.ts";
export { defaultTimeoutS, Effects, MessageInput, maxContentLength } from "./message.ts";
export { NodeInfo, NodeLoad, NodePatch, NodeStatus, RuntimeStatus, Scheduling, Transport } from "./node.ts";
export { parseRequirements, printRequirements } from "./requirement-text.ts";
export {
  Group,
  GroupInput,
  Labels,
  Otherwise,
  Rule,
  RuleInput,
  RuleMatch,
  RuleOrigin,
  StrategyName,
} from "./rule.ts";
export { parseRuleMatch, printRuleMatch } from "./rule-text.ts";
export { AttemptInfo, AttemptState, maxAnswerBytes, TaskInfo, TaskState } from "./task.ts";
