import { z } from "zod";

/**
 * A short word of one line. Nothing in it steers a terminal, turns text round, or is not to be seen: two words that look alike
 * would be two words. No comma either: commas separate words on the command line.
 */
const Word = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .regex(
    /^(?:(?!\p{Default_Ignorable_Code_Point})[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp},\u2800]|\ufe0f)+$/u,
    "must not contain commas, control characters or characters that are not to be seen",
  );

export const Tag = Word;
export const Skill = Word;

/** Alphabets whose letters look alike; a name of letters of several could pass for another name. */
const alikeAlphabets: readonly RegExp[] = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /[\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}]/u,
];

/**
 * Node and group names share one case-insensitive namespace. A name is written in its simplest form (NFKC: no full-width
 * letters), not in a mixture of alphabets, and not like an id, by which nodes are found, too.
 */
export const Name = z
  .string()
  .min(1)
  .max(64)
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u,
    "may hold letters, digits, dot, dash and underscore, and starts with a letter or digit",
  )
  .refine(
    (name) => name.normalize("NFKC") === name && !/[\u115f\u1160\u3164\uffa0]/.test(name),
    "must be written with plain letters and digits",
  )
  .refine(
    (name) => alikeAlphabets.filter((alphabet) => alphabet.test(name)).length < 2,
    "must not mix alphabets whose letters look alike",
  )
  .refine(
    (name) => !/^(?:node|mesh|task|rule|token|invite)_[0-9a-f]{32}$/i.test(name),
    "must not look like an id",
  );
export type Name = z.infer<typeof Name>;

export const RuntimeKind = z.enum(["openclaw", "zeroclaw", "openai", "acp", "command", "echo"]);
export type RuntimeKind = z.infer<typeof RuntimeKind>;

/** Go's names, as in the classic tool: linux, darwin, windows … and amd64, arm64 … */
export const OsName = z.string().regex(/^[a-z0-9]{2,16}$/);
export const ArchName = z.string().regex(/^[a-z0-9_]{2,16}$/);

/** What a machine has. `tags` here are the node's own; the operator's edits are kept apart. */
export const Capabilities = z.object({
  os: OsName,
  arch: ArchName,
  gpu: z.boolean(),
  /** GiB, rounded down. */
  memory_gb: z.number().min(0).max(1_000_000),
  tags: z.array(Tag).max(64),
  skills: z.array(Skill).max(256),
});
export type Capabilities = z.infer<typeof Capabilities>;

/** What a message needs of a node. An empty object needs nothing. */
export const Requirements = z.strictObject({
  gpu: z.literal(true).optional(),
  os: OsName.optional(),
  arch: ArchName.optional(),
  /** All of them; a tag of the same name counts as the skill. */
  skills: z.array(Skill).min(1).max(32).optional(),
  /** At least one of them. */
  any_skill: z.array(Skill).min(1).max(32).optional(),
  tags: z.array(Tag).min(1).max(32).optional(),
  group: Name.optional(),
  runtime: RuntimeKind.optional(),
  min_memory_gb: z.number().positive().max(1_000_000).optional(),
});
export type Requirements = z.infer<typeof Requirements>;
