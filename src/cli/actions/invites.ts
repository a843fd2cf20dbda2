import { InviteInput } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { parseInput } from "../parse-input.ts";
import { printResult } from "../print.ts";
import { renderInvites } from "../render/access.ts";
import { toSafeLine } from "../render/safe-text.ts";

export interface InviteFlags {
  readonly ttl?: number;
  readonly uses?: number;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly group?: readonly string[];
  readonly groups?: readonly string[];
}

export async function createInvite(this: CliContext, flags: InviteFlags): Promise<void> {
  const body = toInput(this, flags);
  const { client, url } = await connect(this);
  const invite = await client.call(contract.createInvite, { body });
  const [first = url, ...others] = invite.urls;
  const { texts } = this;
  printResult(this, invite, () =>
    [
      texts.invite.intro(invite.expires_at.replace(/\.\d+Z$/, "Z"), invite.uses),
      `  ${toSafeLine(texts.invite.line(first, invite.code, invite.name))}`,
      ...(others.length === 0
        ? []
        : [texts.invite.others, ...others.map((other) => `  ${toSafeLine(other)}`)]),
    ].join("\n"),
  );
}

function toInput({ texts }: CliContext, flags: InviteFlags): InviteInput {
  const groups = [...(flags.group ?? []), ...(flags.groups ?? [])];
  const input = {
    ...(flags.ttl === undefined ? {} : { ttl_s: Math.round(flags.ttl) }),
    ...(flags.uses === undefined ? {} : { uses: flags.uses }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.tags === undefined ? {} : { tags: flags.tags }),
    ...(groups.length === 0 ? {} : { groups }),
  };
  const { ttl_s, uses } = InviteInput.shape;
  if (!ttl_s.safeParse(input.ttl_s).success) throw new MeshError("USAGE", texts.invite.badTtl);
  if (!uses.safeParse(input.uses).success) throw new MeshError("USAGE", texts.invite.badUses);
  if (input.name !== undefined && (input.uses ?? 1) > 1) throw new MeshError("USAGE", texts.invite.nameOnce);
  return parseInput(InviteInput, input);
}

export async function listInvites(this: CliContext): Promise<void> {
  const { client } = await connect(this);
  const answer = await client.call(contract.listInvites, {});
  const { texts, stdout: output, clock } = this;
  printResult(this, answer, () => renderInvites(answer.invites, { texts, output, nowMs: clock.nowMs() }));
}

export async function revokeInvite(this: CliContext, _flags: object, id: string): Promise<void> {
  const { client } = await connect(this);
  await client.call(contract.revokeInvite, { params: { id } });
  printResult(this, { revoked: id }, () => this.texts.invite.revoked(toSafeLine(id)));
}
