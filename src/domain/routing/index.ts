export { type CompiledRule, type CompiledRules, compileRules, noRules } from "./compile-rules.ts";
export { decideRoute, type RoutingContext } from "./decide-route.ts";
export { durationText, summarizeDecision, unblockText } from "./decision-text.ts";
export {
  groupNamesOf,
  membersOfGroup,
} from "./groups.ts";
export type { MeshSnapshot, NodeView } from "./mesh-snapshot.ts";
export type { Random } from "./random.ts";
export type { RoundRobinCursors, RouteDecision, SessionOutcome } from "./route-decision.ts";
export { createRoutingMemo, type RoutingMemo } from "./routing-memo.ts";
export type { RoutingMessage } from "./routing-message.ts";
export { ruleWarnings, validateRule } from "./rule-check.ts";
export { type SessionBinding, sessionGraceMs, sessionWaitMs } from "./session-affinity.ts";
export { maxScannedLength } from "./term-matcher.ts";
export { toDecision } from "./to-decision.ts";
