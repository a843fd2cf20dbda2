import fc from "fast-check";
import { z } from "zod";
import { hostileText, hostileValue } from "./hostile-values.ts";

/** The part of JSON Schema that our contracts use. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

export interface SchemaOptions {
  /** Of how many values one is replaced by another that does not fit. Default 60. */
  readonly oddOneIn?: number;
}

const knownSlot = "known:";

/** Values that a schema takes, with one here and there that it does not. Ids are `known:…` until {@link putIds} fills them in. */
export function fromSchema(schema: z.ZodType, options: SchemaOptions = {}): fc.Arbitrary<unknown> {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return fromJson(json, options.oddOneIn ?? 60);
}

function fromJson(schema: JsonSchema, oddOneIn: number): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: oddOneIn - 1, arbitrary: fitting(schema, oddOneIn) },
    { weight: 1, arbitrary: hostileValue },
  );
}

function fitting(schema: JsonSchema, oddOneIn: number): fc.Arbitrary<unknown> {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => fromJson(choice, oddOneIn)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "string":
      return texts(schema);
    case "integer":
      return fc.integer({
        min: Math.max(schema.minimum ?? -1000, -(2 ** 31)),
        max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1),
      });
    case "number":
      return fc.double({
        min: schema.minimum ?? schema.exclusiveMinimum ?? -1e6,
        max: schema.maximum ?? 1e6,
        minExcluded: schema.exclusiveMinimum !== undefined,
        noNaN: true,
      });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(fromJson(schema.items ?? {}, oddOneIn), {
        minLength: Math.min(schema.minItems ?? 0, 4),
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    case "object":
      return objects(schema, oddOneIn);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function texts({ pattern = "", format, minLength = 0, maxLength = 60 }: JsonSchema): fc.Arbitrary<string> {
  const [, prefix] = /^\^([a-z]+_)\[0-9a-f\]\{32\}\$$/.exec(pattern) ?? [];
  if (prefix !== undefined) {
    const made = fc.integer({ min: 0, max: 3 }).map((digit) => prefix + String(digit).repeat(32));
    return fc.oneof(
      made,
      fc.nat({ max: 7 }).map((at) => `${knownSlot}${prefix}${at}`),
    );
  }
  const [, digits] = /^\^\[0-9a-f\]\{(\d+)\}\$$/.exec(pattern) ?? [];
  if (digits !== undefined)
    return fc.constantFrom("0", "a", "f").map((digit) => digit.repeat(Number(digits)));
  if (format === "date-time")
    return fc.integer({ min: -1e9, max: 4e9 }).map((second) => new Date(second * 1000).toISOString());
  // Alternatives, and short ranges of plain characters.
  if (/^\^(\[[a-z0-9_-]+\]\{2,16\}|\([a-z_|]+\).*)\$$/.test(pattern)) {
    const known = pattern.startsWith("^[")
      ? ["linux", "darwin", "arm64", "amd64"]
      : (pattern.match(/[a-z_]{4,}/g) ?? []);
    return fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...known) },
      { weight: 1, arbitrary: fc.stringMatching(new RegExp(pattern)) },
    );
  }
  if (format === "uri") return fc.constantFrom("http://127.0.0.1:1/x", "https://192.0.2.1/", "ftp://h/");
  const plain = fc.stringMatching(/^[a-z][a-z0-9-]*$/, { maxLength: Math.max(1, Math.min(maxLength, 24)) });
  const any = fc.string({
    unit: "grapheme",
    minLength: Math.min(minLength, 4),
    maxLength: Math.min(maxLength, 60),
  });
  return fc.oneof(
    { weight: 16, arbitrary: plain },
    { weight: 1, arbitrary: any },
    { weight: 1, arbitrary: hostileText },
  );
}

function objects(schema: JsonSchema, oddOneIn: number): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const named = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, fromJson(value, oddOneIn)])),
    // Rarely without a field that has to be there.
    { requiredKeys: [...required] },
  );
  const more =
    typeof additionalProperties === "object"
      ? fc.dictionary(
          fc.oneof({ weight: 5, arbitrary: fc.constantFrom("team", "kind") }, hostileText),
          fromJson(additionalProperties, oddOneIn),
          {
            maxKeys: 2,
          },
        )
      : fc.oneof(
          { weight: oddOneIn, arbitrary: fc.constant({}) },
          { weight: 1, arbitrary: fc.dictionary(hostileText, hostileValue, { maxKeys: 2 }) },
        );
  return fc.tuple(named, more).map(([fields, others]) => ({ ...others, ...fields }));
}

/** Puts ids of things that exist in place of the slots. */
export function putIds(value: unknown, known: readonly string[]): unknown {
  if (typeof value === "string") return putId(value, known);
  if (Array.isArray(value)) return value.map((item) => putIds(item, known));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, putIds(item, known)]));
}

function putId(text: string, known: readonly string[]): string {
  const [, prefix = "", at = "0"] = /^known:([a-z]+_)(\d)$/.exec(text) ?? [];
  if (prefix === "") return text;
  const fitting = known.filter((id) => id.startsWith(prefix));
  return fitting[Number(at) % Math.max(1, fitting.length)] ?? prefix + "0".repeat(32);
}
