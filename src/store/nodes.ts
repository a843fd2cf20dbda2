import type { Capabilities } from "../protocol/capability.ts";
import type { NodeId } from "../protocol/ids.ts";
import type { Scheduling, Transport } from "../protocol/node.ts";
import type { Secret } from "../protocol/secret.ts";

/** What stays of a node when it is not there. */
export interface NodeRecord {
  readonly id: NodeId;
  readonly name: string;
  /** As the node declared them; the operator's edits are apart. */
  readonly capabilities: Capabilities;
  readonly addedTags: readonly string[];
  readonly removedTags: readonly string[];
  readonly scheduling: Scheduling;
  readonly weight: number;
  /** SHA-256 (hex) of the node's own token. */
  readonly tokenHash: string;
  readonly transport: Transport;
  /** Address of a direct endpoint; null for a link. */
  readonly endpoint: string | null;
  /** The token that the coordinator calls a direct endpoint with; null for a link, whose token nobody else needs. */
  readonly directToken: Secret | null;
  readonly version: string | null;
  readonly joinedAtMs: number;
  readonly lastSeenAtMs: number;
  /** Hidden since then: it said goodbye, or an operator removed it. Its history stays. */
  readonly hiddenAtMs: number | null;
  /** An operator removed it: its token is void. */
  readonly isRemoved: boolean;
}

export interface NodeStore {
  /** Inserts or replaces by id. Rejects with NAME_TAKEN when another node that is not hidden has the name (any case). */
  readonly save: (node: NodeRecord) => Promise<void>;
  /** All nodes, hidden ones too. */
  readonly list: () => Promise<readonly NodeRecord[]>;
}
