import type { Database } from "../../platform/sqlite.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeStore } from "../nodes.ts";
import type { Committer } from "./committer.ts";
import { prepareListNodes, prepareSaveNode } from "./statements/nodes.ts";

export function createNodeStore(database: Database, committer: Committer): NodeStore {
  const saveNode = prepareSaveNode(database);
  const listNodes = prepareListNodes(database);
  return {
    save: async (node) => {
      const isSaved = await committer.write("full", () => saveNode(node));
      if (!isSaved) throw new MeshError("NAME_TAKEN", `another node is called ${node.name}`);
    },
    list: () => committer.read(listNodes),
  };
}
