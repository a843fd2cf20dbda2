import { z } from "zod";
import { Name, Tag } from "./capability.ts";
import { InviteId, NodeId, TokenId } from "./ids.ts";

/**
 * What a token may be given. admin ⊃ operate ⊃ read ⊃ metrics, admin ⊃ send. `send` means running code on nodes; without
 * `read` it sees its own tasks only.
 */
export const TokenScope = z.enum(["admin", "operate", "read", "send", "metrics"]);
export type TokenScope = z.infer<typeof TokenScope>;

/** Who acts without a token that was made: the audit shows the names of tokens beside these. */
const otherSubjects: readonly string[] = ["admin", "anonymous", "coordinator", "invite"];

/** What a token is for, in its owner's words; told apart without case. */
export const TokenName = Name.refine((name) => !otherSubjects.includes(name.toLowerCase()), {
  error: `may not be one of ${otherSubjects.join(", ")}: the audit has other meanings for them`,
});

/** Names of groups; a token or an invite names at most so many. */
const GroupNames = z.array(Name).min(1).max(32);

/** Tokens that are neither revoked nor expired, at most. */
export const maxTokens = 1_000;

/** Seconds; ten years. */
const maxTokenTtlS = 10 * 366 * 24 * 3600;

export const TokenInput = z
  .strictObject({
    name: TokenName,
    scopes: z.array(TokenScope).min(1).max(TokenScope.options.length),
    /** Its messages run on nodes of these groups only, and it operates no others. Default: all nodes. */
    groups: GroupNames.optional(),
    /** Calls a minute, all routes together. Default: no limit. */
    rate_per_minute: z.int().min(1).max(1_000_000).optional(),
    /** Seconds until it expires. Default: never. */
    ttl_s: z.int().min(10).max(maxTokenTtlS).optional(),
    /** Whatever it sends carries the untrusted label. */
    untrusted: z.literal(true).optional(),
  })
  .refine(
    ({ scopes, groups, untrusted }) => !scopes.includes("admin") || (groups ?? untrusted) === undefined,
    {
      error: "a token with the scope admin has neither groups nor the label: it could make one without them",
    },
  );
export type TokenInput = z.infer<typeof TokenInput>;

/** A token as lists show it. */
export const TokenInfo = z.object({
  id: TokenId,
  name: TokenName,
  /** The beginning of the token, enough to tell which it is. */
  shown: z.string(),
  scopes: z.array(TokenScope),
  groups: z.array(z.string()).nullable(),
  rate_per_minute: z.int().nullable(),
  untrusted: z.boolean(),
  created_at: z.iso.datetime(),
  /** Id of the token that made it; `admin` is the admin token. */
  created_by: z.string(),
  rotated_at: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime().nullable(),
  /** To the minute. */
  last_used_at: z.iso.datetime().nullable(),
  last_used_from: z.string().nullable(),
  revoked_at: z.iso.datetime().nullable(),
});
export type TokenInfo = z.infer<typeof TokenInfo>;

/** The answer that shows a new token, the only time. */
export const NewToken = TokenInfo.extend({ token: z.string() });
export type NewToken = z.infer<typeof NewToken>;

export const InviteInput = z
  .strictObject({
    /** Seconds until the invite expires. Default: an hour. */
    ttl_s: z
      .int()
      .min(10)
      .max(30 * 24 * 3600)
      .optional(),
    /** Machines that may join with it. Default 1. */
    uses: z.int().min(1).max(1_000).optional(),
    /** The name that the machine must join as; only with one use. */
    name: Name.optional(),
    /** Tags that the joining node gets, as if its operator had added them. */
    tags: z.array(Tag).min(1).max(64).optional(),
    /** Groups, listed by hand, that the joining node becomes a member of. */
    groups: GroupNames.optional(),
  })
  .refine(({ name, uses }) => name === undefined || (uses ?? 1) === 1, {
    error: "an invite for one name is for one machine",
  });
export type InviteInput = z.infer<typeof InviteInput>;

/** An invite as lists show it. */
export const InviteInfo = z.object({
  id: InviteId,
  created_at: z.iso.datetime(),
  created_by: z.string(),
  expires_at: z.iso.datetime(),
  uses: z.int(),
  uses_left: z.int(),
  name: Name.nullable(),
  tags: z.array(z.string()),
  groups: z.array(z.string()),
});
export type InviteInfo = z.infer<typeof InviteInfo>;

/** The answer that shows a new invite, the only time. */
export const Invite = InviteInfo.extend({
  /** With TLS it ends in the pin of the coordinator's key. */
  code: z.string(),
  /** Addresses of this coordinator that another machine may be able to reach. */
  urls: z.array(z.string()),
});
export type Invite = z.infer<typeof Invite>;

/**
 * Without it the cookie of a login that was bound to its page opens nothing: browsers send cookies to every port of a name, and
 * show this to pages of one port only.
 */
export const pageKeyHeader = "x-claw-mesh-session";

/** Who is calling, as the coordinator sees it. */
export const SessionInfo = z.object({
  /** `admin`, the id of a token or of a node. */
  subject: z.string(),
  name: z.string().nullable(),
  scopes: z.array(z.string()),
  groups: z.array(z.string()).nullable(),
  untrusted: z.boolean(),
  node_id: NodeId.nullable(),
  /** Of the cookie, or of the token; null: never. */
  expires_at: z.iso.datetime().nullable(),
  /** Only in the answer to a login that asked for it: sent with the cookie in the header {@link pageKeyHeader}. */
  page_key: z.string().optional(),
});
export type SessionInfo = z.infer<typeof SessionInfo>;
