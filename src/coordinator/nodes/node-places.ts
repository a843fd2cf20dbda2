import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { HelloFrame } from "../../protocol/link/v1/frames.ts";
import type { Principal } from "../auth/principal.ts";
import type { KnownNodes } from "./known-nodes.ts";
import type { MeshNode } from "./mesh-node.ts";

/** Who may take which place, and which name. */
export interface NodePlaces {
  /**
   * The node whose place a dialing agent may take: its token's, the one an admin names, the one of this name that this
   * very agent process made before, when the answer to that was lost, or for an admin one of this name that was called at
   * a direct endpoint. null: none.
   */
  readonly holderOf: (hello: HelloFrame, principal: Principal) => MeshNode | null;
  /**
   * Throws NAME_TAKEN when another node than `own`, or a group, has the name. `mayTakeLeft`: the name of a node that has
   * left, and may come back, counts as free (default: not); else its messages could be had by whoever joins while it
   * restarts.
   */
  readonly assertNameFree: (name: string, own: NodeId | null, mayTakeLeft?: boolean) => void;
}

export function createNodePlaces(known: KnownNodes, isGroupName: (name: string) => boolean): NodePlaces {
  function holderOf(hello: HelloFrame, principal: Principal): MeshNode | null {
    const claimedId = principal.nodeId ?? (principal.scopes.has("admin") ? hello.node_id : undefined);
    const unclaimed = () => madeByInstance(hello) ?? directOf(hello, principal);
    const node = claimedId === undefined ? unclaimed() : known.ofId(claimedId);
    return node === null || node.record.isRemoved ? null : node;
  }

  function madeByInstance({ name, instance }: HelloFrame): MeshNode | null {
    const node = known.named(name);
    return node?.instance === instance ? node : null;
  }

  /** A machine that had a direct endpoint and now dials, as after its update: it has nothing but its name to show. */
  function directOf({ name }: HelloFrame, { scopes }: Principal): MeshNode | null {
    const node = known.named(name);
    return scopes.has("admin") && node?.record.transport === "direct" ? node : null;
  }

  function assertNameFree(name: string, own: NodeId | null, mayTakeLeft = false): void {
    const holder = known.named(name) ?? (mayTakeLeft ? null : known.leftNamed(name));
    if (holder !== null && holder.id !== own) {
      throw new MeshError("NAME_TAKEN", `Another node is called "${holder.name}" already.`, {
        hint: `Join with another --name, or remove the other node first: claw-mesh node remove ${holder.name}`,
      });
    }
    if (isGroupName(name)) {
      throw new MeshError("NAME_TAKEN", `A group is called "${name}" already.`);
    }
  }

  return { holderOf, assertNameFree };
}
