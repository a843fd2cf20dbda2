import type { Database } from "../../platform/sqlite.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TokenStore } from "../tokens.ts";
import type { Committer } from "./committer.ts";
import { prepareTokens } from "./statements/tokens.ts";

export function createTokenStore(database: Database, committer: Committer): TokenStore {
  const tokens = prepareTokens(database);
  return {
    save: async (token) => {
      const isSaved = await committer.write("full", () => tokens.save(token));
      if (!isSaved) throw new MeshError("NAME_TAKEN", `another token is called ${token.name}`);
    },
    saveUses: (uses) => committer.write("process", () => tokens.saveUses(uses)),
    list: () => committer.read(tokens.list),
    deleteEnded: (beforeMs) => committer.write("full", () => tokens.deleteEnded(beforeMs)),
  };
}
