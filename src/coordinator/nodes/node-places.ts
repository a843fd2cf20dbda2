import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { HelloFrame } from "../../protocol/link/v1/frames.ts";
import type { Transport } from "../../protocol/node.ts";
import type { Principal } from "../auth/principal.ts";
import type { KnownNodes } from "./known-nodes.ts";
import type { MeshNode } from "./mesh-node.ts";

/** Who may take which place, and which name. */
export interface NodePlaces {
  /**
   * The node whose place a dialing agent may take: its token's, or for an admin the one he names, the one of this name that
   * this very agent process made before, when the answer to that was lost, or one of this name that was called at a direct
   * endpoint. null: none; an invite takes the place of the node only that was made with it, see {@link NodePlaces.madeWith}.
   */
  readonly holderOf: (hello: HelloFrame, principal: Principal) => MeshNode | null;
  /**
   * Throws NAME_TAKEN when another node than `own`, or a group, has the name. `mayTakeLeft`: the name of a node that has
   * left, and may come back, counts as free (default: not); else its messages could be had by whoever joins while it
   * restarts.
   */
  readonly assertNameFree: (name: string, own: NodeId | null, mayTakeLeft?: boolean) => void;
  /**
   * The node that was made with an invite, for whoever has made it and comes again; null: it was not made yet. Throws
   * INVITE_INVALID when an operator has removed it, or it has another name or transport.
   */
  readonly madeWith: (id: NodeId, name: string, transport: Transport) => MeshNode | null;
}

export function createNodePlaces(known: KnownNodes, isGroupName: (name: string) => boolean): NodePlaces {
  function holderOf(hello: HelloFrame, principal: Principal): MeshNode | null {
    const claimedId = principal.nodeId ?? (principal.scopes.has("admin") ? hello.node_id : undefined);
    const node = claimedId === undefined ? unclaimed(hello, principal) : known.ofId(claimedId);
    return node === null || node.record.isRemoved ? null : node;
  }

  /**
   * For an admin alone: an instance is no secret, and of a machine that had a direct endpoint and now dials, as after its
   * update, there is nothing but its name to show.
   */
  function unclaimed({ name, instance }: HelloFrame, { scopes }: Principal): MeshNode | null {
    const node = known.named(name);
    if (node === null || !scopes.has("admin")) return null;
    return node.record.transport === "direct" || node.instance === instance ? node : null;
  }

  function madeWith(id: NodeId, name: string, transport: Transport): MeshNode | null {
    const node = known.ofId(id);
    if (node === null) return null;
    const isThisOne = node.nameKey === name.toLowerCase() && node.record.transport === transport;
    if (isThisOne && !node.record.isRemoved) return node;
    throw new MeshError(
      "INVITE_INVALID",
      "This invite is used up: the node that was made with it is another one.",
    );
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

  return { holderOf, assertNameFree, madeWith };
}
