import { slotNeed } from "../../domain/routing/candidates.ts";
import {
  allowsAnyOf,
  type CompiledRules,
  compileRules,
  createRoutingMemo,
  decideRoute,
  letsHave,
  type MeshSnapshot,
  type NodeView,
  type RouteDecision,
  type RoutingContext,
  type RoutingMessage,
  type RuleNeighbours,
  ruleWarnings,
  type SessionBinding,
  toDecision,
} from "../../domain/routing/index.ts";
import { type LaneWants, mayServe } from "../../domain/routing/lane-wants.ts";
import { conversationOwner, type TaskMessage } from "../../domain/tasks/task.ts";
import { type Clock, toIsoTime } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import { type Decision, maxNamedNodes } from "../../protocol/decision.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId, RuleId } from "../../protocol/ids.ts";
import type { Rule, RuleInput } from "../../protocol/rule.ts";
import type { SessionStore } from "../../store/sessions.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Groups } from "./groups.ts";
import { createSessionBindings } from "./session-bindings.ts";

/** Applies the pure routing of domain/routing to the mesh as it is now, and keeps what it remembers between messages. */
export interface Router {
  /** @param waitingSinceMs monotonic; null: the message does not wait yet */
  readonly decide: (
    message: RoutingMessage & { readonly subject: string },
    excluded: ReadonlySet<NodeId> | null,
    waitingSinceMs: number | null,
  ) => RouteDecision;
  /** Like `decide`, but circuit breakers keep no node away: for a message that would have nowhere to go. */
  readonly decideAsLastResort: Router["decide"];
  /** Whether a node could be one that these messages wait for; errs on the side of yes. */
  readonly mayServe: (node: NodeView, wants: LaneWants) => boolean;
  /**
   * Whether this node, had it a free slot, could be given the message now: by what its sender may use, names and needs, by the
   * rules and by its conversation. `node` as it will be when it is online, in place of the one that the mesh has.
   */
  readonly mayHave: (message: TaskMessage, node: NodeView) => boolean;
  /** The decision is acted on: remembers where the conversation lives and where a round-robin rule stands. */
  readonly bind: (message: TaskMessage, decided: RouteDecision) => void;
  /** The message that put its conversation on this node never ran there: the conversation has no node again. */
  readonly unbind: (message: TaskMessage, nodeId: NodeId) => void;
  /** The node has begun with it in this runtime, which has the conversation from now on, if it has none. */
  readonly bindRuntime: (message: TaskMessage, nodeId: NodeId, runtime: RuntimeKind) => void;
  readonly setRules: (rules: readonly Rule[]) => void;
  /** What looks wrong about a rule, among those around it, in the mesh as it is now. */
  readonly warningsFor: (rule: RuleInput, around: RuleNeighbours) => readonly string[];
  /** The decision as it is stored and shown, in the turn in which it was made; with a target that has left the mesh. */
  readonly explain: (decided: RouteDecision) => Decision;
  /**
   * Throws NODE_NOT_FOUND or NODE_OFFLINE when a message cannot be sent to what its sender named. To a sender with a limit
   * of groups all others, and all nodes outside them, are not there. `allowedGroups` null: no limit.
   */
  readonly assertTarget: (target: string, allowedGroups: readonly string[] | null) => void;
  /** Throws NODE_NOT_FOUND when it is no node and no group; one that is offline, or has left and may come back, will do. */
  readonly assertKnown: (target: string, allowedGroups: readonly string[] | null) => void;
  /** A group as the mesh spells it, so that its tasks are found by it; anything else as it is. */
  readonly spellTarget: (target: string) => string;
}

/** A binding is written again only when its last use is this much newer than what is stored. */
const rewriteAfterMs = 60_000;

interface RouterOptions {
  readonly registry: NodeRegistry;
  readonly groups: Groups;
  readonly sessions: SessionStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: MeshEventEmitter;
  readonly log: Log;
}

export async function createRouter(options: RouterOptions): Promise<Router> {
  const { registry, groups, clock, random, events, log } = options;
  const memo = createRoutingMemo();
  const cursors = new Map<RuleId, NodeId>();
  const bindings = createSessionBindings();
  let rules: CompiledRules = compileRules([]);

  for (const { subject, session, ...binding } of await options.sessions.list()) {
    bindings.put(subject, session, binding);
  }

  function contextOf(message: Parameters<Router["decide"]>[0]): RoutingContext {
    const { session } = message;
    const binding = session === null ? null : bindings.find(conversationOwner(message), session);
    return {
      nowMs: clock.monotonicMs(),
      random,
      binding: binding ?? null,
      waitingSinceMs: null,
      cursors,
      excluded: null,
      memo,
    };
  }

  const decide =
    (ignoresBreakers: boolean): Router["decide"] =>
    (message, excluded, waitingSinceMs) => {
      const context = { ...contextOf(message), waitingSinceMs, excluded, ignoresBreakers };
      return decideRoute(message, meshNow(), rules, context);
    };

  function meshNow(): MeshSnapshot {
    return {
      nodes: registry.nodes,
      groups: groups.list(),
      revision: registry.revision() + groups.revision(),
    };
  }

  function rememberSession(message: TaskMessage, decided: RouteDecision, nowMs: number): void {
    const node = decided.order[0];
    if (message.session === null || decided.session === null || node === undefined) return;
    const owner = conversationOwner(message);
    const before = bindings.find(owner, message.session);
    if (decided.session.binding === "kept" && before?.nodeId !== node.id) return; // this message alone went elsewhere
    // It may move to another runtime of its node.
    const kept = before?.nodeId === node.id && decided.session.binding !== "moved" ? before : null;
    if (kept !== null && nowMs - kept.lastUsedAtMs < rewriteAfterMs) return;
    const need = slotNeed(decided.evidence.question);
    keepBinding(owner, message.session, {
      nodeId: node.id,
      boundAtMs: kept?.boundAtMs ?? nowMs,
      lastUsedAtMs: nowMs,
      runtime: kept?.runtime ?? (need === "first" ? null : need),
    });
    if (before !== undefined && kept === null) {
      events.emit("session.moved", { session: message.session, from: before.nodeId, to: node.id });
      log.info("session moved", { session: message.session, from: before.nodeId, to: node.id });
    }
  }

  function keepBinding(owner: string, session: string, binding: SessionBinding): void {
    bindings.put(owner, session, binding);
    options.sessions.bind(owner, session, binding).catch((error: unknown) => {
      log.warn("session binding not stored", { session, error: String(error) });
    });
  }

  function findTarget(target: string, allowedGroups: readonly string[] | null): MeshNode | null {
    const isGroup = groups.has(target) && allowsAnyOf(allowedGroups, [target]);
    const found = registry.findKnown(target);
    const node = found !== null && allowsNode(allowedGroups, found) ? found : null;
    if (node === null && !isGroup)
      throw new MeshError("NODE_NOT_FOUND", `node "${target}" not found, and no group of this name`, {
        hint: "List them with: claw-mesh nodes and claw-mesh group list",
      });
    return isGroup ? null : node;
  }

  function allowsNode(allowedGroups: readonly string[] | null, node: NodeView): boolean {
    return allowedGroups === null || allowsAnyOf(allowedGroups, groups.of(node));
  }

  /** null: what the sender named is there, or nothing was named. */
  function findLeft({ target, allowedGroups }: RoutingMessage): MeshNode | null {
    if (target === null || groups.has(target)) return null;
    const node = registry.findKnown(target);
    if (node === null || !allowsNode(allowedGroups, node)) return null;
    return registry.nodes.includes(node) ? null : node;
  }

  return {
    decide: decide(false),
    decideAsLastResort: decide(true),
    explain: (decided) => {
      const decision = toDecision(decided, clock.nowMs());
      const left = findLeft(decided.evidence.message);
      return left === null ? decision : withLeftTarget(decision, left);
    },
    mayHave: (message, node) => {
      const mesh = meshNow();
      const nodes = mesh.nodes.map((other) => (other.id === node.id ? node : other));
      // The mesh is one that is not there yet: nothing of it may be kept.
      const context = { ...contextOf(message), memo: createRoutingMemo() };
      return letsHave(decideRoute(message, { ...mesh, nodes }, rules, context), node.id);
    },
    mayServe: (node, wants) => mayServe(node, wants, memo.indexOf(meshNow())),
    bind: (message, decided) => {
      if (decided.nextCursor !== null) cursors.set(decided.nextCursor.ruleId, decided.nextCursor.nodeId);
      rememberSession(message, decided, clock.nowMs());
    },
    unbind: (message, nodeId) => {
      const { session } = message;
      if (session === null) return;
      const owner = conversationOwner(message);
      // What is stored stays until the conversation is bound again, which it is as soon as a node takes the message.
      if (bindings.find(owner, session)?.nodeId === nodeId) bindings.remove(owner, session);
    },
    bindRuntime: (message, nodeId, runtime) => {
      const { session } = message;
      if (session === null) return;
      const owner = conversationOwner(message);
      const before = bindings.find(owner, session);
      // A turn that asked for another runtime takes the conversation nowhere.
      if (before?.nodeId !== nodeId || before.runtime !== null) return;
      keepBinding(owner, session, { ...before, runtime, lastUsedAtMs: clock.nowMs() });
    },
    setRules: (next) => {
      rules = compileRules(next);
    },
    warningsFor: (rule, around) => ruleWarnings(rule, meshNow(), around),
    assertTarget: (target, allowedGroups) => {
      const node = findTarget(target, allowedGroups);
      if (node === null) return;
      if (node.record.hiddenAtMs !== null)
        throw new MeshError("NODE_OFFLINE", `Node ${node.name} has left the mesh.`);
      if (!node.isOnline && !registry.isExpected(node.id))
        throw new MeshError("NODE_OFFLINE", `Node ${node.name} is offline.`);
    },
    assertKnown: (target, allowedGroups) => void findTarget(target, allowedGroups),
    spellTarget: (target) => {
      const key = target.toLowerCase();
      return groups.list().find(({ name }) => name.toLowerCase() === key)?.name ?? target;
    },
  };
}

/** The node that was named said goodbye: it takes no part in decisions, but when it is back it gets what waits for it. */
function withLeftTarget(decision: Decision, { id, name, record }: MeshNode): Decision {
  const { refused, unblock } = decision;
  const since = toIsoTime(record.hiddenAtMs ?? record.lastSeenAtMs);
  const named = { node_id: id, name, reason: "offline", detail: `it left the mesh at ${since}` } as const;
  const blocked = { node_id: id, name, reason: "offline", since } as const;
  return {
    ...decision,
    refused: {
      counts: { ...refused.counts, offline: (refused.counts.offline ?? 0) + 1 },
      named: [named, ...refused.named].slice(0, maxNamedNodes),
    },
    unblock: unblock.map(({ needs }) => ({ needs, nodes: [blocked] })),
  };
}
