import fc from "fast-check";
import { contract } from "../../../../src/protocol/http/contract.ts";
import type { RouteContract } from "../../../../src/protocol/http/route.ts";
import { fromSchema, putIds } from "../from-schema.ts";
import { hostileText, hostileValue } from "../hostile-values.ts";
import { asTarget, type FuzzTarget } from "../target.ts";
import { createWatchedCoordinator } from "../watched-coordinator.ts";

interface HttpInput {
  readonly operation: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Text; undefined: none is sent. */
  readonly body: string | null;
  readonly accept: "application/json" | "text/event-stream";
}

/** Routes with which the test would harm itself: the link is a WebSocket, and audited separately. */
const routes = Object.values<RouteContract>(contract).filter(({ operationId }) => operationId !== "openLink");

/** They wait for a node, or for a name to be resolved. */
const waitingOperations: readonly string[] = ["retryTask", "registerNode"];

/** An answer that waits for a node is cut off by us; any other has to be there by then. */
const patienceMs = 300;
const latencyLimitMs = 5_000;

/** Every route of the contract: never INTERNAL, nothing logged as a fault, an answer in time. */
export async function startHttp(): Promise<FuzzTarget> {
  const watched = await createWatchedCoordinator();
  const { coordinator } = watched;
  const node = await coordinator.join({ name: "here" as never });
  const known = await plant(coordinator, node.nodeId);
  return asTarget<HttpInput>({
    inputs: fc.constantFrom(...routes).chain(inputsOf),
    feed: async (input) => {
      const { params, query, body } = putIds(input, known) as HttpInput;
      const route = routes.find(({ operationId }) => operationId === input.operation);
      if (route === undefined) throw new Error(`the contract has no ${input.operation}`);
      const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) =>
        encodeURIComponent(toText(params[name])),
      );
      const search = Object.entries(query)
        .map(([name, value]) => `${encodeText(name)}=${encodeText(toText(value))}`)
        .join("&");
      const isWaiting = route.streams === true || waitingOperations.includes(route.operationId);
      const limitMs = isWaiting ? patienceMs : latencyLimitMs;
      const answer = await coordinator
        .call(route.method, `${path}${search === "" ? "" : `?${search}`}`, {
          headers: { accept: input.accept, "content-type": "application/json" },
          ...(body === null || route.method === "GET" ? {} : { rawBody: body }),
          signal: AbortSignal.timeout(limitMs),
        })
        .catch((error: unknown) => {
          if (isWaiting && error instanceof DOMException) return null;
          throw error;
        });
      if (answer?.status === 500 || answer?.body?.code === "INTERNAL")
        throw new Error(`${route.path}: ${answer.text}`);
      watched.requireNoFault();
    },
    [Symbol.asyncDispose]: async () => {
      await coordinator[Symbol.asyncDispose]();
    },
  });
}

/** Things that calls can be about. @returns their ids */
async function plant(
  coordinator: Awaited<ReturnType<typeof createWatchedCoordinator>>["coordinator"],
  nodeId: string,
): Promise<readonly string[]> {
  const task = await coordinator.call("POST", "/api/v1/tasks", {
    body: { content: "waits", requires: { gpu: true } },
  });
  const rule = await coordinator.call("POST", "/api/v1/rules", {
    body: { match: { requires_gpu: true }, targets: ["here"] },
  });
  if (task.status !== 202 || rule.status >= 300) throw new Error(`${task.text} ${rule.text}`);
  return [nodeId, task.body.id, rule.body.id].map(String);
}

function inputsOf(route: RouteContract): fc.Arbitrary<HttpInput> {
  const parts = (schema: RouteContract["params"]) =>
    (schema === undefined ? fc.constant({}) : fromSchema(schema)).map(toRecord);
  const bodies =
    route.body === undefined
      ? fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, hostileText)
      : fc.oneof(
          {
            weight: 8,
            arbitrary: fromSchema(route.body).map((value) => JSON.stringify(value)),
          },
          { weight: 1, arbitrary: hostileValue.map((value) => JSON.stringify(value)) },
          { weight: 1, arbitrary: hostileText },
          { weight: 1, arbitrary: fc.constant(null) },
        );
  return fc.record({
    operation: fc.constant(route.operationId),
    params: parts(route.params),
    query: parts(route.query),
    body: bodies,
    accept: fc.constantFrom("application/json" as const, "text/event-stream" as const),
  });
}

function toRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function toText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return text.slice(0, 6_000).toWellFormed();
}

function encodeText(text: string): string {
  return encodeURIComponent(text.slice(0, 6_000).toWellFormed());
}
