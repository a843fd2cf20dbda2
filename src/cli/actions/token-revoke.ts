import type { MeshClient } from "../../client/index.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printResult } from "../print.ts";
import { renderBulk } from "../render/bulk.ts";
import { toSafeLine } from "../render/safe-text.ts";
import { cancelTasksOf } from "./task-changes.ts";

export interface RevokeTokenFlags {
  readonly cancelTasks?: boolean;
}

export async function revokeToken(this: CliContext, flags: RevokeTokenFlags, id: string): Promise<void> {
  const { client } = await connect(this);
  if (flags.cancelTasks === true) return revokeWithTasks(this, client, id);
  await client.call(contract.revokeToken, { params: { id } });
  printResult(this, { revoked: id }, () => this.texts.token.revoked(toSafeLine(id)));
}

/** Void first, so that it sends nothing more while its tasks are cancelled. */
async function revokeWithTasks(context: CliContext, client: MeshClient, idOrName: string): Promise<void> {
  // A name may be another token's as soon as this one is void.
  const id = await findToken(client, idOrName);
  await client.call(contract.revokeToken, { params: { id } });
  const answer = await cancelTasksOf(client, id, context.interrupt);
  const { texts } = context;
  printResult(context, { revoked: idOrName, tasks: answer }, () =>
    [texts.token.revoked(toSafeLine(idOrName)), renderBulk("cancel", answer, texts)].join("\n"),
  );
  if (answer.failed.length > 0) context.endWith(1);
}

/** @throws MeshError TOKEN_NOT_FOUND */
async function findToken(client: MeshClient, idOrName: string): Promise<string> {
  const { tokens } = await client.call(contract.listTokens, {});
  const key = idOrName.toLowerCase();
  const good = tokens.filter(({ revoked_at }) => revoked_at === null);
  const found = good.find(({ id }) => id === idOrName) ?? good.find(({ name }) => name.toLowerCase() === key);
  if (found === undefined) throw new MeshError("TOKEN_NOT_FOUND", `There is no token "${idOrName}".`);
  return found.id;
}
