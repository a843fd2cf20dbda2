import type { Catalogue } from "../../locale/index.ts";
import { fromIsoTime } from "../../platform/clock.ts";
import type { Output } from "../../platform/terminal.ts";
import type { InviteInfo, TokenInfo } from "../../protocol/access.ts";
import { coarseText } from "./durations.ts";
import { type Cell, renderTable } from "./table.ts";

interface AccessTableOptions {
  readonly texts: Catalogue;
  readonly output: Output;
  readonly nowMs: number;
}

/** Last uses are known to the minute; what was made just now for thirty days ends in thirty days, not in 29. */
const minuteMs = 60_000;

export function renderTokens(tokens: readonly TokenInfo[], options: AccessTableOptions): string {
  const { texts, output } = options;
  if (tokens.length === 0) return `${texts.token.none}\n`;
  const { columns } = texts.token;
  return renderTable<TokenInfo>(
    [
      { header: columns.name, cell: ({ name }) => ({ text: name }), minWidth: 8 },
      { header: columns.shown, cell: ({ shown }) => ({ text: `${shown}…` }), dropOrder: 3 },
      { header: columns.scopes, cell: ({ scopes }) => ({ text: scopes.join(", ") }) },
      {
        header: columns.limits,
        cell: (token) => ({ text: limitsText(token, texts) }),
        minWidth: 8,
        dropOrder: 2,
      },
      { header: columns.expires, cell: (token) => expiryCell(token, options) },
      {
        header: columns.lastUsed,
        cell: (token) => ({ text: lastUseText(token, options) }),
        minWidth: 10,
        dropOrder: 1,
      },
      { header: columns.id, cell: ({ id }) => ({ text: id }), minWidth: 12, dropOrder: 4 },
    ],
    tokens,
    output,
  );
}

function limitsText({ groups, rate_per_minute, untrusted }: TokenInfo, { token, table }: Catalogue): string {
  const limits = [
    ...(groups === null ? [] : [token.limits.groups(groups)]),
    ...(rate_per_minute === null ? [] : [token.limits.rate(rate_per_minute)]),
    ...(untrusted ? [token.limits.untrusted] : []),
  ];
  return limits.join(", ") || table.none;
}

function expiryCell({ revoked_at, expires_at }: TokenInfo, { texts, nowMs }: AccessTableOptions): Cell {
  const { token } = texts;
  if (revoked_at !== null) return { text: token.wasRevoked, colour: "red" };
  if (expires_at === null) return { text: token.never };
  const leftMs = fromIsoTime(expires_at) - nowMs;
  return leftMs <= 0
    ? { text: token.hasExpired, colour: "red" }
    : { text: token.inTime(coarseText(leftMs + minuteMs / 2)) };
}

function lastUseText(
  { last_used_at, last_used_from }: TokenInfo,
  { texts, nowMs }: AccessTableOptions,
): string {
  if (last_used_at === null) return texts.token.never;
  const agoMs = nowMs - fromIsoTime(last_used_at);
  return agoMs < 2 * minuteMs
    ? texts.token.justNow(last_used_from)
    : texts.token.agoFrom(coarseText(agoMs), last_used_from);
}

export function renderInvites(invites: readonly InviteInfo[], options: AccessTableOptions): string {
  const { texts, output, nowMs } = options;
  if (invites.length === 0) return `${texts.invite.none}\n`;
  const { columns, usesLeft, grants, inTime } = texts.invite;
  return renderTable<InviteInfo>(
    [
      { header: columns.id, cell: ({ id }) => ({ text: id }) },
      { header: columns.uses, cell: ({ uses_left, uses }) => ({ text: usesLeft(uses_left, uses) }) },
      {
        header: columns.expires,
        cell: ({ expires_at }) => ({
          text: inTime(coarseText(fromIsoTime(expires_at) - nowMs + minuteMs / 2)),
        }),
      },
      { header: columns.name, cell: ({ name }) => ({ text: name ?? texts.table.none }), dropOrder: 2 },
      {
        header: columns.grants,
        cell: ({ tags, groups }) => ({ text: grants(tags, groups) || texts.table.none }),
        minWidth: 8,
        dropOrder: 1,
      },
      { header: columns.by, cell: ({ created_by }) => ({ text: created_by }), minWidth: 6, dropOrder: 3 },
    ],
    invites,
    output,
  );
}
