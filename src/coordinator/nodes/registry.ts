import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { defaultDrainDeadlineS, type NodePatch } from "../../protocol/node.ts";
import type { NodeRecord, NodeStore } from "../../store/nodes.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import { createCapabilityChanges, type SetCapabilities } from "./capability-changes.ts";
import { createKnownNodes, type NodeLookup } from "./known-nodes.ts";
import type { MeshNode } from "./mesh-node.ts";
import { createNodeAdmission, maxKnownNodes, type NodeAdmission } from "./node-admission.ts";
import { createNodePlaces, type NodePlaces } from "./node-places.ts";
import { createNodePresence, type NodePresence } from "./node-presence.ts";
import { createRecordKeeping } from "./record-keeping.ts";

/** All nodes of the mesh, their identity and their present state. */
export interface NodeRegistry extends NodeLookup, NodePlaces, NodeAdmission, NodePresence {
  readonly setCapabilities: SetCapabilities;
  readonly patch: (node: MeshNode, patch: NodePatch) => Promise<void>;
  /** Takes it out of the mesh; `isRemoved`: an operator did, and its token is void. */
  readonly hide: (node: MeshNode, isRemoved: boolean) => Promise<void>;
}

interface RegistryOptions {
  readonly store: NodeStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly events: MeshEventEmitter;
  readonly isGroupName: (name: string) => boolean;
  readonly log: Log;
  /** Lower limit for tests. */
  readonly maxNodes?: number;
}

export async function createNodeRegistry(options: RegistryOptions): Promise<NodeRegistry> {
  const { store, clock, ids, events, isGroupName, log, maxNodes = maxKnownNodes } = options;
  const known = createKnownNodes(clock);
  for (const record of await store.list()) known.restore(record);
  const records = createRecordKeeping({ store, known, clock, log });
  const places = createNodePlaces(known, isGroupName);

  function onChange(node: MeshNode): void {
    known.bumpRevision();
    events.emit("node.changed", { nodeId: node.id, name: node.name });
  }

  return {
    ...known,
    ...places,
    ...createNodeAdmission({ known, places, records, clock, ids, events, maxNodes }),
    ...createNodePresence({ known, records, onChange, clock, events }),
    setCapabilities: createCapabilityChanges({ records, onChange, clock }),
    patch: async (node, patch) => {
      await records.save(node, (present) => patched(present, patch));
      if (patch.scheduling === "draining") {
        node.drainEndsAtMs = clock.monotonicMs() + (patch.deadline_s ?? defaultDrainDeadlineS) * 1000;
      }
      onChange(node);
    },
    hide: async (node, isRemoved) => {
      const address = node.link?.remoteAddress ?? null;
      await records.save(node, (present) => ({
        ...present,
        hiddenAtMs: clock.nowMs(),
        isRemoved: isRemoved || present.isRemoved,
      }));
      events.emit("node.left", { nodeId: node.id, name: node.name, isRemoved, address });
    },
  };
}

/** An operator's tag edits are kept apart from the node's own tags: adding undoes a removal, and the other way round. */
function patched(record: NodeRecord, patch: NodePatch): NodeRecord {
  const add = patch.add_tags ?? [];
  const remove = patch.remove_tags ?? [];
  const has = (tags: readonly string[], tag: string) =>
    tags.some((other) => other.toLowerCase() === tag.toLowerCase());
  return {
    ...record,
    scheduling: patch.scheduling ?? record.scheduling,
    weight: patch.weight ?? record.weight,
    addedTags: [...record.addedTags.filter((tag) => !has(remove, tag) && !has(add, tag)), ...add],
    removedTags: [...record.removedTags.filter((tag) => !has(add, tag) && !has(remove, tag)), ...remove],
  };
}
