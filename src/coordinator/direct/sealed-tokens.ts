import type { Log } from "../../platform/log.ts";
import { isSealed, type Seal } from "../../platform/sealing.ts";
import { Secret } from "../../protocol/secret.ts";
import type { NodeRecord, NodeStore } from "../../store/nodes.ts";

/**
 * A store of nodes that seals the tokens which the coordinator calls direct endpoints with, so that the database alone, or
 * a backup of it, opens nothing. A token that an earlier version left in clear is sealed at once. One that does not open,
 * because the key was lost, counts as none: that node has to register again.
 */
export function createSealedNodeStore(store: NodeStore, { seal, log }: { seal: Seal; log: Log }): NodeStore {
  const save = (node: NodeRecord) =>
    store.save({
      ...node,
      directToken: node.directToken === null ? null : new Secret(seal.close(node.directToken, node.id)),
    });

  const open = (node: NodeRecord): NodeRecord => {
    const kept = node.directToken?.reveal() ?? null;
    if (kept === null || !isSealed(kept)) return node;
    const directToken = seal.open(kept, node.id);
    if (directToken === null)
      log.warn("the token of a direct node cannot be opened; start that node again", { node: node.id });
    return { ...node, directToken };
  };

  return {
    save,
    list: async () => {
      const kept = await store.list();
      for (const node of kept) {
        if (node.directToken !== null && !isSealed(node.directToken.reveal())) await save(node);
      }
      return kept.map(open);
    },
  };
}
