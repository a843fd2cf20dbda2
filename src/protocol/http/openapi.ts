import { z } from "zod";
import { ErrorBody, type ErrorCode, errorCatalogue } from "../errors.ts";
import { contract, StreamEvents } from "./contract.ts";
import {
  componentUri,
  createSchemaWriter,
  type JsonObject,
  mergeComponents,
  type SchemaWriter,
} from "./openapi-schemas.ts";
import type { RouteContract } from "./route.ts";

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

function toOperation(
  route: RouteContract,
  { input, output }: { readonly input: SchemaWriter; readonly output: SchemaWriter },
): JsonObject {
  const parameters = [
    ...toParameters("path", route.params, output),
    ...toParameters("query", route.query, output),
    ...(route.takesKey === true ? [idempotencyKeyParameter] : []),
    ...(route.streams === true ? [lastEventIdParameter] : []),
  ];
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    "x-scopes": route.scopes,
    security: route.scopes.includes("none") ? [] : [{ bearer: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: toRequestBody(route, route.body, input) }),
    responses: { [String(route.status)]: toAnswer(route, output), ...toErrorAnswers(route) },
  };
}

function toRequestBody(route: RouteContract, body: z.ZodType, writer: SchemaWriter): JsonObject {
  return {
    required: route.isBodyOptional !== true,
    content: { "application/json": { schema: writer.write(body) } },
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
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: toOperation(route, { input, output }),
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
