import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { MeshError } from "../../../../src/protocol/errors.ts";
import {
  parseRequirements,
  printRequirements,
  requirementTextKeys,
} from "../../../../src/protocol/requirement-text.ts";
import { parseRuleMatch, printRuleMatch, ruleTextKeys } from "../../../../src/protocol/rule-text.ts";
import { hostileText } from "../hostile-values.ts";
import { asTarget, type FuzzTarget, holdsNothing } from "../target.ts";

/** Of this process's own time, which other programs do not add to: far beyond what 70,000 characters take in linear time. */
const maxMs = 2_000;

const word = fc.oneof(fc.stringMatching(/^[a-z0-9>=/.?*+|()\\-]{0,12}$/), hostileText);
const sound = fc.constantFrom(
  ...[
    "gpu:true",
    "os:darwin",
    "arch:arm64",
    "memory:>=32",
    "skill:xcode",
    "tag:home",
    "runtime:echo",
    "group:g",
  ],
  ...[
    "content:/train|fine-?tune/i",
    "content:build",
    "label:a=b",
    "source:cli",
    "session:x",
    "untrusted:true",
    "*",
  ],
  ...["gpu=true", "os=darwin", "memory=32", "skill=xcode", "tag=a", "runtime=openai", "group=g"],
);
const criterion = fc.oneof(
  { weight: 8, arbitrary: sound },
  fc
    .tuple(fc.constantFrom(...ruleTextKeys, ...requirementTextKeys), fc.constantFrom(":", "=", ""), word)
    .map((parts) => parts.join("")),
  word,
);
/** One piece over and over: what makes a careless pattern slow. */
const repeated = fc
  .tuple(word, fc.constantFrom(",", ":", "/", "\\", "|", "*", ""))
  .chain(([piece, end]) =>
    fc.constant(
      (piece.slice(0, 20) + end).repeat(
        Math.floor(70_000 / Math.max(1, piece.slice(0, 20).length + end.length)),
      ),
    ),
  );

/** Expressions of rules and requirements: read and printed alike, or refused in words, in linear time. */
export async function startRules(): Promise<FuzzTarget> {
  return asTarget({
    inputs: fc.oneof(
      { weight: 12, arbitrary: fc.array(criterion, { maxLength: 5 }).map((parts) => parts.join(",")) },
      { weight: 3, arbitrary: word },
      { weight: 1, arbitrary: repeated },
    ),
    feed: (text) => {
      const before = process.cpuUsage();
      check(text, parseRuleMatch, printRuleMatch);
      check(text, parseRequirements, printRequirements);
      const used = process.cpuUsage(before);
      const tookMs = (used.user + used.system) / 1000;
      if (tookMs > maxMs) throw new Error(`${text.length} characters took ${Math.round(tookMs)} ms`);
    },
    [Symbol.asyncDispose]: holdsNothing,
  });
}

function check<Value>(text: string, parse: (text: string) => Value, print: (value: Value) => string): void {
  let value: Value;
  try {
    value = parse(text);
  } catch (error) {
    if (error instanceof MeshError && error.code !== "INTERNAL") return;
    throw error;
  }
  const printed = print(value);
  const again = parse(printed);
  if (!isDeepStrictEqual(withPlainSlashes(again), withPlainSlashes(value)))
    throw new Error(`read differently after it was printed: ${printed}`);
  if (print(again) !== printed) throw new Error(`printed differently: ${printed}`);
}

/** In a pattern `\/` and `/` are the same; which of them is printed depends on what follows. */
function withPlainSlashes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, item: unknown) =>
    key === "content" && typeof item === "string" ? item.replaceAll("\\/", "/") : item,
  );
}
