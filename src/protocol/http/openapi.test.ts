import { describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { contract } from "./contract.ts";
import { toOpenApi } from "./openapi.ts";

type Operation = {
  readonly operationId: string;
  readonly "x-scopes": readonly string[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: unknown }>>;
};

// Read back as a client gets it.
const document = JSON.parse(JSON.stringify(toOpenApi({ version: "1.2.3" })));

function operation(path: string, method: string): Operation {
  return document.paths[path][method];
}

describe("the OpenAPI document", () => {
  test("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(validator.version).toBe("3.1");
    expect(document.info.version).toBe("1.2.3");
  });

  test("has every route of the contract under its path and method", () => {
    for (const route of Object.values(contract)) {
      const described = operation(route.path, route.method.toLowerCase());
      expect(described.operationId).toBe(route.operationId);
      expect(described["x-scopes"]).toEqual([...route.scopes]);
      expect(described.responses[String(route.status)]).toBeDefined();
    }
  });

  test("refers only to schemas that it has", () => {
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
    const missing = [...references]
      .map(([, id]) => id ?? "")
      .filter((id) => !document.components.schemas[id]);
    expect(missing).toEqual([]);
  });

  test("names every error that a route may answer, with its status", () => {
    const { responses } = operation("/api/v1/nodes/{id}", "patch");
    expect(responses["400"]?.description).toBe("BODY_INVALID, BODY_NOT_JSON, HOST_INVALID");
    expect(responses["401"]?.description).toBe("TOKEN_INVALID, TOKEN_MISSING");
    expect(responses["404"]?.description).toBe("NODE_NOT_FOUND");
    expect(responses["413"]?.description).toBe("BODY_TOO_LARGE");
  });

  test("describes a streamed answer beside the whole one", () => {
    const answer = operation("/api/v1/route", "post").responses["200"];
    expect(Object.keys(answer?.content ?? {})).toEqual(["application/json", "text/event-stream"]);
  });

  test("tells which headers a route reads, and that a stream has no other answer", () => {
    const headersOf = (path: string, method: string) =>
      (document.paths[path][method].parameters ?? [])
        .filter(({ in: place }: { in: string }) => place === "header")
        .map(({ name }: { name: string }) => name);
    expect(headersOf("/api/v1/tasks", "post")).toEqual(["Idempotency-Key"]);
    expect(headersOf("/api/v1/route", "post")).toEqual(["Idempotency-Key", "Last-Event-ID"]);
    expect(headersOf("/api/v1/tasks/{id}/stream", "get")).toEqual(["Last-Event-ID"]);
    expect(headersOf("/api/v1/tasks", "get")).toEqual([]);
    const followed = operation("/api/v1/tasks/{id}/stream", "get").responses["200"];
    expect(Object.keys(followed?.content ?? {})).toEqual(["text/event-stream"]);
  });

  test("asks for a body where there must be one", () => {
    const isRequired = (path: string) => document.paths[path].post.requestBody.required;
    expect(isRequired("/api/v1/tasks")).toBe(true);
    expect(isRequired("/api/v1/tasks/{id}/retry")).toBe(false);
  });

  test("leaves answers open for later fields and keeps requests closed", () => {
    const { NodeInfo, MessageInput } = document.components.schemas;
    expect(NodeInfo.additionalProperties).toBeUndefined();
    expect(MessageInput.additionalProperties).toBe(false);
  });

  test("asks for no token where none is needed", () => {
    expect(document.paths["/healthz"].get.security).toEqual([]);
    expect(document.paths["/api/v1/nodes"].get.security).toEqual([{ bearer: [] }]);
  });
});
