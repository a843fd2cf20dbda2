import type { Database } from "../../platform/sqlite.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TokenRecord, TokenStore } from "../tokens.ts";
import type { Committer } from "./committer.ts";
import { prepareTokens } from "./statements/tokens.ts";

export function createTokenStore(database: Database, committer: Committer): TokenStore {
  const tokens = prepareTokens(database);
  async function saveWith(token: TokenRecord, save: () => boolean): Promise<void> {
    const isSaved = await committer.write("full", save);
    if (!isSaved) throw new MeshError("NAME_TAKEN", `another token is called ${token.name}`);
  }

  return {
    save: (token) => saveWith(token, () => tokens.save(token)),
    rotate: (token, formerHash) => saveWith(token, () => tokens.rotate(token, formerHash)),
    formerTexts: () => committer.read(tokens.formerTexts),
    saveUses: (uses) => committer.write("process", () => tokens.saveUses(uses)),
    list: () => committer.read(tokens.list),
    deleteEnded: (beforeMs) => committer.write("full", () => tokens.deleteEnded(beforeMs)),
  };
}
