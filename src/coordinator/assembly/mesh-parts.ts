import { databasePath, directKeyPath } from "../../platform/paths.ts";
import { loadSeal } from "../../platform/sealing.ts";
import { listBackups } from "../../platform/sqlite-backups.ts";
import type { CoordinatorOptions } from "../coordinator-options.ts";
import { createSealedNodeStore } from "../direct/sealed-tokens.ts";
import { createNodeRegistry, type NodeRegistry } from "../nodes/registry.ts";
import { createGroups, type Groups } from "../routing/groups.ts";
import { createRouter, type Router } from "../routing/router.ts";
import { createRules, type Rules } from "../routing/rules.ts";
import type { Surroundings } from "./surroundings.ts";

/** Who is in the mesh, and which of them gets what. */
export interface MeshParts {
  readonly registry: NodeRegistry;
  readonly groups: Groups;
  readonly router: Router;
  readonly rules: Rules;
}

export async function createMeshParts(
  options: Pick<CoordinatorOptions, "dataDir" | "groups" | "rules">,
  { store, clock, ids, random, events, log }: Surroundings,
): Promise<MeshParts> {
  // Node and group names share one namespace, so each has to ask the other.
  let madeGroups: Groups | null = null;
  const seal = await loadSeal(directKeyPath(options.dataDir));
  const registry = await createNodeRegistry({
    store: createSealedNodeStore(store.nodes, {
      seal,
      scrub: store.scrub,
      backups: () => listBackups(databasePath(options.dataDir)),
      log,
    }),
    clock,
    ids,
    events,
    isGroupName: (name) => madeGroups?.has(name) === true,
    log,
  });
  const groups = await createGroups({
    store: store.groups,
    configured: options.groups,
    isNodeName: registry.isNameTaken,
    events,
  });
  madeGroups = groups;
  const { sessions } = store;
  const router = await createRouter({ registry, groups, sessions, clock, random, events, log });
  const rules = await createRules({
    store: store.rules,
    configured: options.rules,
    ids,
    events,
    onChange: router.setRules,
  });
  return { registry, groups, router, rules };
}
