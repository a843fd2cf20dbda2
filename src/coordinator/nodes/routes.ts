import { allowsAnyOf } from "../../domain/routing/index.ts";
import type { Clock } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import { apiPrefix } from "../../protocol/http/contract.ts";
import { closeCodes } from "../../protocol/link/v1/frames.ts";
import type { NodePatch } from "../../protocol/node.ts";
import type { Principal } from "../auth/principal.ts";
import { jsonAnswer } from "../http/answers.ts";
import type { Handlers } from "../http/http-server.ts";
import { nextDrainOrder } from "./drain-order.ts";
import { type MeshNode, toNodeInfo } from "./mesh-node.ts";
import type { NodeRegistry } from "./registry.ts";

interface NodeRouteOptions {
  readonly registry: NodeRegistry;
  readonly clock: Clock;
  /** Names of the groups a node is in. */
  readonly groupsOf: (node: MeshNode) => readonly string[];
}

type NodeHandlers = Pick<Handlers, "listNodes" | "getNode" | "patchNode" | "removeNode">;

export function createNodeRoutes({ registry, clock, groupsOf }: NodeRouteOptions): NodeHandlers {
  function find(idOrName: string, principal: Principal, lookUp = registry.find): MeshNode {
    const node = lookUp(idOrName);
    // Asked first, so that a node does not learn which other nodes there are.
    if (principal.nodeId !== null && principal.nodeId !== node?.id) {
      throw new MeshError("SCOPE_MISSING", "A node's token opens that node's own routes only.");
    }
    if (node === null) throw new MeshError("NODE_NOT_FOUND", `node "${idOrName}" not found`);
    return node;
  }

  /** Throws SCOPE_MISSING for a node that the caller may see, but is in none of the groups he is limited to. */
  function assertOperable(node: MeshNode, { groups }: Principal): void {
    if (groups === null || allowsAnyOf(groups, groupsOf(node))) return;
    throw new MeshError(
      "SCOPE_MISSING",
      `This token operates nodes of ${groups.join(", ")} only, and ${node.name} is none of them.`,
      { hint: "Use a token without this limit, or one for a group of the node." },
    );
  }

  /** Groups select nodes by their tags: with one more his node would get what is sent to others. */
  function assertMayTag({ add_tags, remove_tags }: NodePatch, { groups }: Principal): void {
    if (groups === null || (add_tags === undefined && remove_tags === undefined)) return;
    throw new MeshError(
      "SCOPE_MISSING",
      "This token is limited to groups: it changes no tags, as a tag can make a node a member of other groups.",
      { hint: "Use a token without this limit." },
    );
  }

  const toInfo = (node: MeshNode) => toNodeInfo(node, groupsOf(node));

  return {
    listNodes: ({ query }) => {
      const present = registry.nodes.filter((node) => node.record.hiddenAtMs === null);
      const sorted = present.toSorted((a, b) => (a.nameKey < b.nameKey ? -1 : 1));
      const { cursor, limit } = query;
      const rest = cursor === undefined ? sorted : sorted.filter((node) => node.nameKey > cursor);
      const page = rest.slice(0, limit ?? rest.length);
      const last = page.at(-1);
      if (last === undefined || page.length === rest.length) return page.map(toInfo);
      const next = `${apiPrefix}/nodes?limit=${limit}&cursor=${encodeURIComponent(last.nameKey)}`;
      return jsonAnswer(200, page.map(toInfo), { link: `<${next}>; rel="next"` });
    },
    getNode: ({ params, principal }) => toInfo(find(params.id, principal)),
    patchNode: async ({ params, body, principal }) => {
      const node = find(params.id, principal);
      assertOperable(node, principal);
      assertMayTag(body, principal);
      const isDraining = node.scheduling === "draining";
      await registry.patch(node, body);
      const order =
        body.scheduling === undefined
          ? null
          : nextDrainOrder(node, { isDraining, nowMs: clock.monotonicMs() });
      if (order !== null) node.link?.send(order);
      return toInfo(node);
    },
    removeNode: async ({ params, principal, nameTarget }) => {
      const node = find(params.id, principal, registry.findKnown);
      assertOperable(node, principal);
      const isOwn = principal.nodeId === node.id;
      const { link } = node;
      nameTarget({ id: node.id, name: node.name });
      await registry.hide(node, !isOwn);
      link?.close(isOwn ? closeCodes.done : closeCodes.removed, isOwn ? "goodbye" : "removed by an operator");
      return undefined;
    },
  };
}
