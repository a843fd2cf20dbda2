import type { z } from "zod";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { RouteContract } from "../protocol/http/route.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { MessageInput } from "../protocol/message.ts";
import type { NodeInfo } from "../protocol/node.ts";
import { maxTaskPage, type TaskFilter, type TaskSummary } from "../protocol/task.ts";
import {
  type Exchange,
  fromErrorBody,
  parseJson,
  toForeignError,
  toMeshError,
  toUnreachableError,
} from "./error-answer.ts";
import { headersOf, isEventStream, pathOf, signalOf } from "./request-parts.ts";
import { readRouteStream, type StreamEvent } from "./route-stream.ts";

/** The part of `fetch` that is used; a browser's own fits. */
export type MeshFetch = (url: string, init: RequestInit) => Promise<Response>;

export interface MeshClientOptions {
  /** `http://host:port`, with or without a slash at the end. */
  readonly baseUrl: string;
  /** null: calls carry no token. */
  readonly token: string | null;
  readonly fetch: MeshFetch;
  /** The proxy that `fetch` uses for this coordinator, to explain its errors; null (default): none. */
  readonly proxyUrl?: string | null;
  /** For answers that come at once, not for messages. Default 30 s. */
  readonly timeoutMs?: number;
}

type Part<Name extends string, Schema> = Schema extends z.ZodType
  ? Record<string, never> extends z.input<Schema>
    ? { readonly [Key in Name]?: z.input<Schema> }
    : { readonly [Key in Name]: z.input<Schema> }
  : { readonly [Key in Name]?: undefined };

/** What a route takes: exactly the parts that its contract has. */
export type CallInput<Route extends RouteContract> = Part<"params", Route["params"]> &
  Part<"query", Route["query"]> &
  Part<"body", Route["body"]>;

/** What a route answers; `undefined` for those without a body. */
export type AnswerOf<Route extends RouteContract> = Route["answer"] extends z.ZodType
  ? z.output<Route["answer"]>
  : undefined;

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** null: no limit but the signal. */
  readonly timeoutMs?: number | null;
}

export interface PageOptions extends CallOptions {
  /** Entries asked for at once. Default: as many as a page may have. */
  readonly pageSize?: number;
}

export interface RouteRequest {
  /** Node (id or name) or group; null: the router decides. */
  readonly target: string | null;
  readonly message: z.input<typeof MessageInput>;
  /** The same key and message again give the same task, so a lost connection can be picked up. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface FollowRequest {
  readonly id: TaskId;
  /** The id of the last event that a broken stream gave: the new one goes on behind it. null or left out: from the start. */
  readonly lastEventId?: string | null;
  /** Ends the following; the task goes on. */
  readonly signal?: AbortSignal;
}

/** An event of a streamed answer; the `error` of the wire is thrown instead. */
export type RouteEvent = Exclude<StreamEvent, { readonly event: "error" }>;

/**
 * The HTTP API as typed calls. All methods throw MeshError: with the coordinator's own code when it refused,
 * COORDINATOR_UNREACHABLE, PROXY_IN_THE_WAY or NOT_A_COORDINATOR when it was not reached. An abort of the caller's
 * signal is thrown as the signal's reason.
 */
export interface MeshClient {
  readonly baseUrl: string;
  call<Route extends RouteContract>(
    route: Route,
    input: CallInput<Route>,
    options?: CallOptions,
  ): Promise<AnswerOf<Route>>;
  /** As `call`, with the headers of the answer. */
  request<Route extends RouteContract>(
    route: Route,
    input: CallInput<Route>,
    options?: CallOptions,
  ): Promise<{ readonly answer: AnswerOf<Route>; readonly headers: Headers }>;
  /** All nodes, page by page. */
  listNodes(options?: CallOptions): Promise<readonly NodeInfo[]>;
  /** Sends a message and yields the answer as it comes; the last event is `result`, errors are thrown. */
  streamRoute(request: RouteRequest): AsyncGenerator<RouteEvent, void, void>;
  /** Follows a task to its end, as `streamRoute` does; a connection that breaks is the caller's to open again. */
  streamTask(request: FollowRequest): AsyncGenerator<RouteEvent, void, void>;
  /** The tasks of a filter, newest first; a page is asked for when the one before it was taken. */
  tasks(filter?: TaskFilter, options?: PageOptions): AsyncGenerator<TaskSummary, void, void>;
}

const defaultTimeoutMs = 30_000;
/** Pages of a list at most; a cursor that never ends is a fault of the other side. */
const maxPages = 1000;
/** Characters of an answer. */
const maxAnswerLength = 64 * 1024 * 1024;

export function createMeshClient(options: MeshClientOptions): MeshClient {
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const exchange: Exchange = { baseUrl, proxyUrl: options.proxyUrl ?? null };

  const send = async (
    url: string,
    init: RequestInit,
    callerSignal: AbortSignal | undefined,
  ): Promise<Response> => {
    try {
      return await options.fetch(url, { redirect: "manual", ...init });
    } catch (cause) {
      if (callerSignal?.aborted === true) throw callerSignal.reason;
      throw toUnreachableError(cause, exchange);
    }
  };

  const request: MeshClient["request"] = async (route, input, callOptions = {}) => {
    const timeoutMs =
      callOptions.timeoutMs === undefined ? (options.timeoutMs ?? defaultTimeoutMs) : callOptions.timeoutMs;
    const response = await send(
      baseUrl + pathOf(route, input),
      {
        method: route.method,
        headers: { ...headersOf(options.token, input.body), ...callOptions.headers },
        ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
        ...signalOf(callOptions.signal, timeoutMs),
      },
      callOptions.signal,
    );
    const text = await readText(response, exchange, callOptions.signal);
    if (response.status !== route.status) throw toMeshError(response, text, exchange);
    return { answer: parseAnswer(route, response, text, exchange), headers: response.headers };
  };

  const call: MeshClient["call"] = async (route, input, callOptions) =>
    (await request(route, input, callOptions)).answer;

  return {
    baseUrl,
    request,
    call,
    listNodes: async (callOptions) => {
      const nodes: NodeInfo[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < maxPages; page += 1) {
        const query: { cursor?: string } = cursor === null ? {} : { cursor };
        const { answer, headers } = await request(contract.listNodes, { query }, callOptions);
        nodes.push(...answer);
        cursor = nextCursor(headers.get("link"));
        if (cursor === null) return nodes;
      }
      throw new MeshError("NOT_A_COORDINATOR", `${baseUrl} lists its nodes on more than ${maxPages} pages`);
    },
    streamRoute,
    streamTask,
    tasks,
  };

  async function* tasks(
    filter: TaskFilter = {},
    { pageSize = maxTaskPage, ...callOptions }: PageOptions = {},
  ): AsyncGenerator<TaskSummary, void, void> {
    let cursor: string | null = null;
    do {
      const query: CallInput<typeof contract.listTasks>["query"] = {
        ...filter,
        limit: pageSize,
        ...(cursor === null ? {} : { cursor }),
      };
      const page: AnswerOf<typeof contract.listTasks> = await call(
        contract.listTasks,
        { query },
        callOptions,
      );
      yield* page.tasks;
      if (page.next_cursor !== null && page.next_cursor === cursor) {
        throw new MeshError("NOT_A_COORDINATOR", `${baseUrl} gives the same page of tasks again and again`);
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  async function* streamRoute(routeRequest: RouteRequest): AsyncGenerator<RouteEvent, void, void> {
    const { target, message, idempotencyKey, signal } = routeRequest;
    const path =
      target === null
        ? pathOf(contract.routeMessage, {})
        : pathOf(contract.routeMessageTo, { params: { node: target } });
    const response = await send(
      baseUrl + path,
      {
        method: "POST",
        headers: {
          ...headersOf(options.token, message),
          accept: "text/event-stream",
          ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
        },
        body: JSON.stringify(message),
        ...signalOf(signal, null),
      },
      signal,
    );
    if (isEventStream(response)) {
      yield* untilResult(response, signal);
      return;
    }
    const text = await readText(response, exchange, signal);
    if (response.status !== 200) throw toMeshError(response, text, exchange);
    yield { event: "result", data: parseAnswer(contract.routeMessage, response, text, exchange) };
  }

  async function* streamTask({
    id,
    lastEventId = null,
    signal,
  }: FollowRequest): AsyncGenerator<RouteEvent, void, void> {
    const response = await send(
      baseUrl + pathOf(contract.streamTask, { params: { id } }),
      {
        method: "GET",
        headers: {
          ...headersOf(options.token, undefined),
          accept: "text/event-stream",
          ...(lastEventId === null ? {} : { "last-event-id": lastEventId }),
        },
        ...signalOf(signal, null),
      },
      signal,
    );
    if (!isEventStream(response)) {
      throw toMeshError(response, await readText(response, exchange, signal), exchange);
    }
    yield* untilResult(response, signal);
  }

  async function* untilResult(
    { body }: { readonly body: ReadableStream<Uint8Array> },
    signal: AbortSignal | undefined,
  ): AsyncGenerator<RouteEvent, void, void> {
    try {
      for await (const event of readRouteStream(body, baseUrl)) {
        if (event.event === "error") throw fromErrorBody(event.data, null);
        yield event;
        if (event.event === "result") return;
      }
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason;
      if (cause instanceof MeshError) throw cause;
      throw toUnreachableError(cause, exchange);
    }
    throw new MeshError(
      "COORDINATOR_UNREACHABLE",
      `the connection to ${baseUrl} ended before the answer did`,
    );
  }
}

async function readText(
  response: Response,
  exchange: Exchange,
  signal: AbortSignal | undefined,
): Promise<string> {
  const length = Number(response.headers.get("content-length") ?? 0);
  if (length > maxAnswerLength) throw toForeignError(response, exchange);
  try {
    return await response.text();
  } catch (cause) {
    if (signal?.aborted === true) throw signal.reason;
    throw toUnreachableError(cause, exchange);
  }
}

function parseAnswer<Route extends RouteContract>(
  route: Route,
  response: Response,
  text: string,
  exchange: Exchange,
): AnswerOf<Route> {
  const schema = route.answer;
  if (schema === undefined) return undefined as AnswerOf<Route>;
  const json = parseJson(text);
  if (json === undefined) throw toForeignError(response, exchange);
  const answer = schema.safeParse(json);
  if (!answer.success) {
    const issue = answer.error.issues[0];
    throw new MeshError(
      "NOT_A_COORDINATOR",
      `${exchange.baseUrl} answered ${route.operationId} in a way this version does not understand`,
      {
        hint: "Compare the versions: claw-mesh doctor",
        details: { path: issue?.path.map(String).join("."), problem: issue?.message },
      },
    );
  }
  return answer.data as AnswerOf<Route>;
}

/** The cursor of `<…?cursor=x>; rel="next"`; null on the last page. */
function nextCursor(link: string | null): string | null {
  const next = link?.split(",").find((part) => /;\s*rel="?next"?/.test(part));
  const target = /<([^>]*)>/.exec(next ?? "")?.[1];
  if (target === undefined) return null;
  return new URLSearchParams(target.split("?")[1] ?? "").get("cursor");
}
