import { z } from "zod";
import { Capabilities, Name, Requirements } from "../capability.ts";
import { Decision } from "../decision.ts";
import { ErrorBody, type ErrorCode, errorCatalogue } from "../errors.ts";
import { Failure } from "../failure.ts";
import { InviteId, MeshId, NodeId, RuleId, TaskId } from "../ids.ts";
import { MessageInput, RetryEdit, TaskInput } from "../message.ts";
import { NodeInfo, NodeLoad, NodePatch, RuntimeStatus } from "../node.ts";
import { Group, GroupInput, Labels, MessageLabels, Rule, RuleInput, RuleMatch } from "../rule.ts";
import { AttemptInfo, TaskFilter, TaskInfo, TaskPage, TaskSummary } from "../task.ts";
import {
  BulkAnswer,
  BulkInput,
  contract,
  ExplainInput,
  Health,
  Invite,
  InviteInput,
  RouteAnswer,
  StreamEvents,
} from "./contract.ts";
import type { RouteContract } from "./route.ts";

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
type JsonObject = Readonly<Record<string, unknown>>;

/** What any route may answer, whatever its own list says. */
const everyRoute: readonly ErrorCode[] = ["HOST_INVALID", "TOO_MANY_REQUESTS", "INTERNAL"];
const everyRouteWithToken: readonly ErrorCode[] = [
  "TOKEN_MISSING",
  "TOKEN_INVALID",
  "SCOPE_MISSING",
  "TOO_MANY_TRIES",
  "RATE_LIMITED",
  "HOST_NOT_ALLOWED",
  "ORIGIN_NOT_ALLOWED",
];
const everyRouteWithBody: readonly ErrorCode[] = ["BODY_NOT_JSON", "BODY_INVALID", "BODY_TOO_LARGE"];

const componentUri = (id: string): string => `#/components/schemas/${id}`;

/** Schemas of one direction: what a client writes (`input`) or reads (`output`). */
interface SchemaWriter {
  /** The schema as it stands in the document: a reference when it has a name. */
  readonly write: (schema: z.ZodType) => JsonObject;
  /** The named schemas that were used, also by others. */
  readonly components: () => Readonly<Record<string, JsonObject>>;
}

function createSchemaWriter(io: "input" | "output", unnamed: readonly z.ZodType[]): SchemaWriter {
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

function toTypes(schema: z.ZodObject | undefined): readonly z.ZodType[] {
  return Object.values<z.ZodType>(schema?.shape ?? {});
}

function toParameters(place: "path" | "query", schema: z.ZodObject | undefined, writer: SchemaWriter) {
  const types = toTypes(schema);
  return Object.keys(schema?.shape ?? {}).map((name, index) => {
    const type = types[index] ?? z.unknown();
    const required = place === "path" || !type.safeParse(undefined).success;
    return { name, in: place, required, schema: writer.write(type) };
  });
}

const idempotencyKeyParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "The same key and body give the same task and result; the same key with another body is refused.",
  schema: { type: "string", minLength: 1, maxLength: 256 },
} as const;

const lastEventIdParameter = {
  name: "Last-Event-ID",
  in: "header",
  required: false,
  description:
    "The id of the last event of a stream that broke: the new one goes on behind it when that text is still kept, else it begins with a snapshot.",
  schema: { type: "string", maxLength: 256 },
} as const;

/** One answer per status; its description lists the codes that come with it. */
function toErrorAnswers(route: RouteContract): Readonly<Record<string, JsonObject>> {
  const isOpen = route.scopes.includes("none");
  const codes = new Set<ErrorCode>([
    ...route.errors,
    ...everyRoute,
    ...(isOpen ? [] : everyRouteWithToken),
    ...(route.body === undefined ? [] : everyRouteWithBody),
    ...(route.query === undefined ? [] : (["QUERY_INVALID"] as const)),
  ]);
  const byStatus = Map.groupBy([...codes].sort(), (code) => errorCatalogue[code].status);
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, list]) => [
        String(status),
        {
          description: list.join(", "),
          content: { "application/json": { schema: { $ref: componentUri("ErrorBody") } } },
        },
      ]),
  );
}

function toAnswer(route: RouteContract, writer: SchemaWriter): JsonObject {
  if (route.mediaType !== undefined) {
    return { description: route.summary, content: { [route.mediaType]: { schema: { type: "string" } } } };
  }
  if (route.answer === undefined && route.streams !== true) {
    return { description: route.status === 101 ? "The WebSocket is open" : "Done; no body" };
  }
  const whole =
    route.answer === undefined ? {} : { "application/json": { schema: writer.write(route.answer) } };
  const streamed = {
    "text/event-stream": {
      schema: {
        type: "string",
        description: "Server-sent events; x-events has the schema of the data of each.",
      },
      "x-events": Object.fromEntries(
        Object.entries(StreamEvents).map(([event, schema]) => [event, writer.write(schema)]),
      ),
    },
  };
  return {
    description: route.summary,
    content: {
      ...whole,
      ...(route.streams === true ? streamed : {}),
    },
  };
}

/**
 * The HTTP API as an OpenAPI 3.1 document, made of the same data that the server dispatches by. `x-scopes` lists the
 * scopes of which any opens the route.
 */
export function toOpenApi({ version }: { readonly version: string }): JsonObject {
  const routes: readonly RouteContract[] = Object.values(contract);
  const input = createSchemaWriter(
    "input",
    routes.flatMap(({ body }) => body ?? []),
  );
  const output = createSchemaWriter("output", [
    ...routes.flatMap(({ answer }) => answer ?? []),
    ...routes.flatMap(({ params, query }) => [...toTypes(params), ...toTypes(query)]),
    ...Object.values(StreamEvents),
  ]);
  output.write(ErrorBody);
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of routes) {
    const parameters = [
      ...toParameters("path", route.params, output),
      ...toParameters("query", route.query, output),
      ...(route.takesKey === true ? [idempotencyKeyParameter] : []),
      ...(route.streams === true ? [lastEventIdParameter] : []),
    ];
    const operations = paths[route.path] ?? {};
    paths[route.path] = operations;
    operations[route.method.toLowerCase()] = {
      operationId: route.operationId,
      tags: [route.tag],
      summary: route.summary,
      "x-scopes": route.scopes,
      security: route.scopes.includes("none") ? [] : [{ bearer: [] }],
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(route.body === undefined
        ? {}
        : {
            requestBody: {
              required: route.isBodyOptional !== true,
              content: { "application/json": { schema: input.write(route.body) } },
            },
          }),
      responses: { [String(route.status)]: toAnswer(route, output), ...toErrorAnswers(route) },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "claw-mesh",
      version,
      description: "The HTTP API of a claw-mesh coordinator. Every error answer is an ErrorBody.",
      license: { name: "MIT", identifier: "MIT" },
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: mergeComponents(input.components(), output.components()),
    },
  };
}

/** A schema that a client writes and reads must look the same in both directions, or need two names. */
function mergeComponents(
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
