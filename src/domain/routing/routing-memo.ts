import { type AllowedNodes, createAllowedNodes } from "./allowed-nodes.ts";
import type { CompiledRule, CompiledRules } from "./compile-rules.ts";
import { createVocabulary, type Vocabulary } from "./infer-requirements.ts";
import { createMeshIndex, type MeshIndex } from "./mesh-index.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { createScope, type Scope } from "./scope.ts";

/**
 * What decisions need of mesh and rules, kept until either changes. Decisions are the same with a new memo each time,
 * only slower. The caller makes one and passes it to every decision.
 */
export interface RoutingMemo {
  /** Made anew when the revision of the snapshot has changed. */
  readonly indexOf: (mesh: MeshSnapshot) => MeshIndex;
  /** Words to look for in messages. Survives revisions that change nobody's abilities, such as a node going offline. */
  readonly vocabularyOf: (index: MeshIndex, rules: CompiledRules) => Vocabulary;
  /** null: the rule allows every node. */
  readonly scopeOfRule: (index: MeshIndex, rule: CompiledRule) => Scope | null;
  /** null: the sender may use every node. */
  readonly allowedNodesOf: (index: MeshIndex, groups: readonly string[] | null) => AllowedNodes | null;
}

/** Limits of senders that are kept; there are hardly more tokens. */
const maxKeptLimits = 1_000;

interface KeptVocabulary {
  readonly index: MeshIndex;
  readonly rules: CompiledRules;
  readonly vocabulary: Vocabulary;
  /** What it was made of, to see whether a new index would give the same. */
  readonly abilities: readonly ReadonlySet<string>[];
}

export function createRoutingMemo(): RoutingMemo {
  let index: MeshIndex | null = null;
  let scopes = new Map<CompiledRule, Scope | null>();
  let scopesIndex: MeshIndex | null = null;
  let limits = new Map<string, AllowedNodes>();
  let limitsIndex: MeshIndex | null = null;
  let kept: KeptVocabulary | null = null;

  return {
    indexOf: (snapshot) => {
      if (index?.revision !== snapshot.revision) index = createMeshIndex(snapshot);
      return index;
    },
    vocabularyOf: (current, rules) => {
      if (kept !== null && kept.rules === rules) {
        if (kept.index === current) return kept.vocabulary;
        if (hasSameWords(kept, current)) {
          kept = { ...kept, index: current };
          return kept.vocabulary;
        }
      }
      const vocabulary = createVocabulary(current, rules.ruleWords);
      const abilities = current.places.map(({ node }) => node.abilities);
      kept = { index: current, rules, vocabulary, abilities };
      return vocabulary;
    },
    scopeOfRule: (current, rule) => {
      if (scopesIndex !== current) {
        scopes = new Map();
        scopesIndex = current;
      }
      let scope = scopes.get(rule);
      if (scope === undefined) {
        const allowsAll = rule.targets === null && rule.needs === null;
        scope = allowsAll ? null : createScope(current, rule.targets, rule.needs);
        scopes.set(rule, scope);
      }
      return scope;
    },
    allowedNodesOf: (current, groups) => {
      if (groups === null) return null;
      if (limitsIndex !== current || limits.size >= maxKeptLimits) {
        limits = new Map();
        limitsIndex = current;
      }
      const key = groups.join("\n");
      const allowed = limits.get(key) ?? createAllowedNodes(current, groups);
      limits.set(key, allowed);
      return allowed;
    },
  };
}

/** The same groups and the same sets of abilities, node by node. The sets are replaced when they change, never edited. */
function hasSameWords(kept: KeptVocabulary, index: MeshIndex): boolean {
  return (
    kept.index.groups === index.groups &&
    kept.abilities.length === index.places.length &&
    index.places.every(({ node }, position) => node.abilities === kept.abilities[position])
  );
}
