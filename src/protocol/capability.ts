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

/** Writing systems that a name may be in. What people in China, Japan and Korea write beside Latin letters is one each. */
const writings: readonly RegExp[] = [
  ...["Cyrillic", "Greek", "Armenian", "Georgian", "Hebrew", "Arabic", "Thaana", "Ethiopic", "Cherokee"],
  ...["Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam"],
  ...["Sinhala", "Thai", "Lao", "Tibetan", "Myanmar", "Khmer", "Mongolian"],
]
  .map((script) => `\\p{Script=${script}}`)
  .concat(
    String.raw`\p{Script=Latin}\p{Script=Han}\p{Script=Bopomofo}`,
    String.raw`\p{Script=Latin}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc`,
    String.raw`\p{Script=Latin}\p{Script=Han}\p{Script=Hangul}`,
  )
  .map((letters) => new RegExp(`^[${letters}0-9._-]*$`, "u"));

/** Latin letters of phonetics that look like others: clicks, ɑ ɡ ɢ ɪ ɴ ʀ ʏ ʙ ʜ ʟ and the small capitals. */
const phonetic =
  /[\u01c0-\u01c3\u0251\u0261\u0262\u026a\u0274\u0280\u028f\u0299\u029c\u029f\u1d00-\u1dbf\ua730\ua731]/;

/**
 * Node and group names share one case-insensitive namespace. A name is written in its simplest form (NFKC: no full-width
 * letters), in one writing system, and not like an id, by which nodes are found, too. Letters of one writing system that look
 * alike, or a whole name of another one, are not told apart.
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
    (name) => writings.some((writing) => writing.test(name)) && !phonetic.test(name),
    "must be written in one alphabet, without letters that only look like others",
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

/** One graphics processor. */
export const Gpu = z.object({
  vendor: z.enum(["nvidia", "amd", "apple", "intel", "other"]),
  /** As its driver names it; null when it does not. */
  model: z.string().max(128).nullable(),
  /** MiB of its own memory; null when it is not told, or shared with the machine's. */
  memory_mb: z.int().min(0).max(16_777_216).nullable(),
});
export type Gpu = z.infer<typeof Gpu>;

/**
 * Where a skill was found, and what it lacks. `path`: a program on PATH; `agent`: a SKILL.md of a runtime; `file`: declared in
 * skills.yaml. A skill that lacks something is not among {@link Capabilities} `skills`: present is not usable.
 */
export const SkillDetail = z.object({
  name: Skill,
  from: z.enum(["path", "agent", "file"]),
  /** One line for people; null when there is none. */
  description: z.string().max(256).nullable(),
  /** What it needs and this machine lacks: `program ffmpeg`, `variable API_URL`, `os darwin`. Empty: usable. */
  missing: z.array(z.string().max(128)).max(16),
});
export type SkillDetail = z.infer<typeof SkillDetail>;

/** Characters in all skills' names, descriptions and wants of one node: each is kept for every node, and told in lists. */
export const maxSkillText = 64 * 1024;

const SkillDetails = z
  .array(SkillDetail)
  .max(256)
  .refine(
    (details) =>
      details.reduce(
        (sum, { name, description, missing }) =>
          sum +
          name.length +
          (description?.length ?? 0) +
          missing.reduce((all, text) => all + text.length, 0),
        0,
      ) <= maxSkillText,
    `must not hold more than ${maxSkillText} characters in all`,
  );

/** What a machine has. `tags` here are the node's own; the operator's edits are kept apart. */
export const Capabilities = z.object({
  os: OsName,
  arch: ArchName,
  gpu: z.boolean(),
  /** GiB, rounded down. */
  memory_gb: z.number().min(0).max(1_000_000),
  tags: z.array(Tag).max(64),
  /** Those that can be used. */
  skills: z.array(Skill).max(256),
  /** Absent from an older or a direct node. */
  gpus: z.array(Gpu).max(16).optional(),
  /** Absent from an older or a direct node. */
  skill_details: SkillDetails.optional(),
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
