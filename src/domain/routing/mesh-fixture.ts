import { NodeId, RuleId } from "../../protocol/ids.ts";
import type { Group, Rule, RuleInput } from "../../protocol/rule.ts";
import { type CompiledRules, compileRules } from "./compile-rules.ts";
import type { RoutingContext } from "./decide-route.ts";
import type { MeshSnapshot, NodeView } from "./mesh-snapshot.ts";
import { createRoutingMemo } from "./routing-memo.ts";
import type { RoutingMessage } from "./routing-message.ts";

/** Builders for the tests of this folder: everything has a plain default, tests say what differs. */
export const fixtureNowMs = 1_760_000_000_000;

export interface NodeSketch extends Partial<Omit<NodeView, "id" | "nameKey" | "capabilities">> {
  readonly name: string;
  readonly os?: string;
  readonly arch?: string;
  readonly gpu?: boolean;
  readonly memoryGb?: number;
  readonly tags?: readonly string[];
  readonly skills?: readonly string[];
}

/** The id follows from the name, so that the same sketch is the same node. */
export function nodeOf(sketch: NodeSketch): NodeView {
  const { name, os, arch, gpu, memoryGb, tags = [], skills = [], ...view } = sketch;
  const tagKeys = tags.map((tag) => tag.toLowerCase());
  return {
    id: nodeIdOf(name),
    name,
    nameKey: name.toLowerCase(),
    capabilities: {
      os: os ?? "linux",
      arch: arch ?? "amd64",
      gpu: gpu ?? false,
      memory_gb: memoryGb ?? 16,
      tags: [...tags],
      skills: [...skills],
    },
    abilities: new Set([...tagKeys, ...skills.map((skill) => skill.toLowerCase())]),
    tagKeys: new Set(tagKeys),
    runtimes: [{ kind: "openclaw", ready: true }],
    isOnline: true,
    offlineSinceMs: null,
    isReady: true,
    reason: null,
    scheduling: "active",
    isBreakerOpen: false,
    slots: 4,
    inFlight: 0,
    foreignRuns: 0,
    latencyMs: 0,
    weight: 1,
    ...view,
  };
}

export function nodeIdOf(name: string): NodeId {
  return NodeId.parse(`node_${hexOf(name)}`);
}

export function ruleIdOf(position: number): RuleId {
  return RuleId.parse(`rule_${position.toString(16).padStart(32, "0")}`);
}

export function rulesOf(...inputs: readonly RuleInput[]): CompiledRules {
  return compileRules(
    inputs.map((input, index): Rule => ({ ...input, id: ruleIdOf(index + 1), origin: "api" })),
  );
}

export function meshOf(nodes: readonly NodeView[], groups: readonly Group[] = []): MeshSnapshot {
  return { nodes, groups, revision: 1 };
}

export function groupOf(name: string, group: Partial<Pick<Group, "nodes" | "match">>): Group {
  return { name, origin: "api", nodes: group.nodes ?? [], match: group.match };
}

export function messageOf(content: string, more: Partial<RoutingMessage> = {}): RoutingMessage {
  return {
    content,
    source: "cli",
    session: null,
    requires: {},
    labels: {},
    target: null,
    infer: true,
    isUntrusted: false,
    allowedGroups: null,
    ...more,
  };
}

export function contextOf(more: Partial<RoutingContext> = {}): RoutingContext {
  return {
    nowMs: fixtureNowMs,
    random: { next: () => 0.5 },
    binding: null,
    waitingSinceMs: null,
    cursors: new Map(),
    excluded: null,
    memo: createRoutingMemo(),
    ...more,
  };
}

function hexOf(name: string): string {
  const hex = [...new TextEncoder().encode(name)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.slice(0, 32).padEnd(32, "0");
}
