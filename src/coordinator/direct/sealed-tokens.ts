import type { Log } from "../../platform/log.ts";
import { isSealed, type Seal } from "../../platform/sealing.ts";
import { Secret } from "../../protocol/secret.ts";
import type { NodeRecord, NodeStore } from "../../store/nodes.ts";

export interface SealedTokensDeps {
  readonly seal: Seal;
  /** Of the store: leaves nothing of what was replaced. */
  readonly scrub: () => Promise<void>;
  /** Paths of the backups that there are now. */
  readonly backups: () => readonly string[];
  readonly log: Log;
}

/**
 * A store of nodes that seals the tokens which the coordinator calls direct endpoints with, so that the database alone, or
 * a backup of it, opens nothing. Tokens that an earlier version left in clear are sealed at once, and the database is
 * rewritten, as they were on free pages, too; of older backups, which still hold them, the log tells. One that does not
 * open, because the key was lost, counts as none: that node has to register again.
 */
export function createSealedNodeStore(
  store: NodeStore,
  { seal, scrub, backups, log }: SealedTokensDeps,
): NodeStore {
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

  async function sealAll(inClear: readonly NodeRecord[]): Promise<void> {
    const holders = backups();
    for (const node of inClear) await save(node);
    log.warn(
      "tokens of direct nodes were stored in clear until now; backups from before this moment still hold them",
      {
        nodes: inClear.map(({ name }) => name),
        backups: holders,
        remedy:
          "remove these backups and their copies, or give each node a new token: claw-mesh node remove, then join",
      },
    );
    try {
      await scrub();
    } catch (error) {
      log.error("what was in clear could not be wiped from the free pages of the database", { error });
    }
  }

  return {
    save,
    list: async () => {
      const kept = await store.list();
      const inClear = kept.filter(
        ({ directToken }) => directToken !== null && !isSealed(directToken.reveal()),
      );
      if (inClear.length > 0) await sealAll(inClear);
      return kept.map(open);
    },
  };
}
