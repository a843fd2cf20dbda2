import type { NewToken, TokenScope } from "../../protocol/access.ts";
import { TokenInput } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { parseInput } from "../parse-input.ts";
import { printNote, printResult } from "../print.ts";
import { renderTokens } from "../render/access.ts";
import { toSafeLine } from "../render/safe-text.ts";

export interface CreateTokenFlags {
  readonly scope: readonly TokenScope[];
  readonly groups?: readonly string[];
  readonly group?: readonly string[];
  readonly rate?: number;
  readonly ttl?: number;
  readonly untrusted?: boolean;
}

export async function createToken(this: CliContext, flags: CreateTokenFlags, name: string): Promise<void> {
  const body = toInput(this, flags, name);
  const { client } = await connect(this);
  const made = await client.call(contract.createToken, { body });
  printNew(this, made, this.texts.token.made);
}

function toInput({ texts }: CliContext, flags: CreateTokenFlags, name: string): TokenInput {
  const groups = [...(flags.groups ?? []), ...(flags.group ?? [])];
  const input = {
    name,
    scopes: flags.scope,
    ...(groups.length === 0 ? {} : { groups }),
    ...(flags.rate === undefined ? {} : { rate_per_minute: flags.rate }),
    ...(flags.ttl === undefined ? {} : { ttl_s: Math.round(flags.ttl) }),
    ...(flags.untrusted === true ? { untrusted: true } : {}),
  };
  const { ttl_s, rate_per_minute } = TokenInput.shape;
  if (!ttl_s.safeParse(input.ttl_s).success) throw new MeshError("USAGE", texts.token.badTtl);
  if (!rate_per_minute.safeParse(input.rate_per_minute).success) {
    throw new MeshError("USAGE", texts.token.badRate);
  }
  return parseInput(TokenInput, input);
}

function printNew(context: CliContext, made: NewToken, intro: (name: string) => string): void {
  const { token: texts } = context.texts;
  printResult(context, made, () => `${intro(toSafeLine(made.name))}\n\n  ${toSafeLine(made.token)}\n`);
  if (made.scopes.includes("admin")) printNote(context, texts.mayAll);
  if (made.scopes.some((scope) => scope === "send" || scope === "admin")) printNote(context, texts.sends);
}

export async function listTokens(this: CliContext): Promise<void> {
  const { client } = await connect(this);
  const answer = await client.call(contract.listTokens, {});
  const { texts, stdout: output, clock } = this;
  printResult(this, answer, () => renderTokens(answer.tokens, { texts, output, nowMs: clock.nowMs() }));
}

export async function rotateToken(this: CliContext, _flags: object, id: string): Promise<void> {
  const { client } = await connect(this);
  const made = await client.call(contract.rotateToken, { params: { id } });
  printNew(this, made, this.texts.token.rotated);
}
