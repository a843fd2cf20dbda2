import { z } from "zod";
import { Capabilities, Name, Requirements } from "../capability.ts";
import { Decision } from "../decision.ts";
import { ErrorBody } from "../errors.ts";
import { Failure } from "../failure.ts";
import { InviteId, MeshId, NodeId, RuleId, TaskId } from "../ids.ts";
import { MessageInput, RetryEdit, TaskInput } from "../message.ts";
import { NodeInfo, NodeLoad, NodePatch, RuntimeStatus } from "../node.ts";
import { Group, GroupInput, Labels, MessageLabels, Rule, RuleInput, RuleMatch } from "../rule.ts";
import { AttemptInfo, TaskFilter, TaskInfo, TaskPage, TaskSummary } from "../task.ts";
import { BulkAnswer, BulkInput, ExplainInput, Health, Invite, InviteInput, RouteAnswer } from "./contract.ts";

/** Schemas that have a name of their own in the document; all others are written where they are used. */
const named = {
  AttemptInfo,
  BulkAnswer,
  BulkInput,
  Capabilities,
  Decision,
  ErrorBody,
  ExplainInput,
  Failure,
  Group,
  GroupInput,
  Health,
  Invite,
  InviteId,
  InviteInput,
  Labels,
  MeshId,
  MessageInput,
  MessageLabels,
  Name,
  NodeId,
  NodeInfo,
  NodeLoad,
  NodePatch,
  Requirements,
  RetryEdit,
  RouteAnswer,
  Rule,
  RuleId,
  RuleInput,
  RuleMatch,
  RuntimeStatus,
  TaskFilter,
  TaskId,
  TaskInfo,
  TaskInput,
  TaskPage,
  TaskSummary,
} as const;

type JSONSchema = z.core.JSONSchema.BaseSchema;
export type JsonObject = Readonly<Record<string, unknown>>;

export const componentUri = (id: string): string => `#/components/schemas/${id}`;

/** Schemas of one direction: what a client writes (`input`) or reads (`output`). */
export interface SchemaWriter {
  /** The schema as it stands in the document: a reference when it has a name. */
  readonly write: (schema: z.ZodType) => JsonObject;
  /** The named schemas that were used, also by others. */
  readonly components: () => Readonly<Record<string, JsonObject>>;
}

export function createSchemaWriter(io: "input" | "output", unnamed: readonly z.ZodType[]): SchemaWriter {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  for (const [index, schema] of unnamed.entries()) {
    if (!registry.has(schema)) registry.add(schema, { id: `Unnamed${index}` });
  }
  const { schemas } = z.toJSONSchema(registry, { uri: componentUri, io, override: simplify });
  const used = new Set<string>();

  const use = (id: string): void => {
    if (used.has(id)) return;
    used.add(id);
    useReferences(schemas[id]);
  };
  const useReferences = (value: unknown): void => {
    for (const [, id] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) use(id ?? "");
  };

  return {
    write: (schema) => {
      const id = registry.get(schema)?.id ?? "";
      if (id in named) {
        use(id);
        return { $ref: componentUri(id) };
      }
      const written = withoutIdentity(schemas[id] ?? {});
      useReferences(written);
      return written;
    },
    components: () =>
      Object.fromEntries([...used].sort().map((id) => [id, withoutIdentity(schemas[id] ?? {})] as const)),
  };
}

/**
 * Answers may get more fields later, so only what is strict when it is parsed is closed in the document. Limits and
 * patterns that say no more than the type does are left out.
 */
function simplify({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JSONSchema }): void {
  const { def } = zodSchema._zod;
  if (def.type === "object" && def.catchall === undefined) delete jsonSchema.additionalProperties;
  if (jsonSchema.type === "integer") {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  }
  if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
}

/** OpenAPI names the dialect and the place of a schema itself. */
function withoutIdentity(schema: JsonObject): JsonObject {
  const { $schema: _dialect, $id: _id, ...rest } = schema;
  return rest;
}

/** A schema that a client writes and reads must look the same in both directions, or need two names. */
export function mergeComponents(
  input: Readonly<Record<string, JsonObject>>,
  output: Readonly<Record<string, JsonObject>>,
): Readonly<Record<string, JsonObject>> {
  const merged: Record<string, JsonObject> = { ...output };
  for (const [id, schema] of Object.entries(input)) {
    const other = merged[id];
    if (other !== undefined && JSON.stringify(other) !== JSON.stringify(schema)) {
      throw new Error(`${id} is read and written with different schemas; give one of them its own name`);
    }
    merged[id] = schema;
  }
  return Object.fromEntries(Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1)));
}
