import type { RouteContract } from "../protocol/http/route.ts";
import type { NodeInfo } from "../protocol/node.ts";
import type { Secret } from "../protocol/secret.ts";
import type { TaskFilter, TaskSummary } from "../protocol/task.ts";
import {
  createAnswerStreams,
  type FollowRequest,
  type RouteEvent,
  type RouteRequest,
} from "./answer-streams.ts";
import type { AnswerOf, CallInput, CallOptions } from "./call-types.ts";
import { toMeshError } from "./error-answer.ts";
import { createPages, type PageOptions } from "./pages.ts";
import { headersOf, pathOf, signalOf } from "./request-parts.ts";
import { createTransport, type MeshFetch } from "./transport.ts";

export interface MeshClientOptions {
  /** `http://host:port`, with or without a slash at the end. */
  readonly baseUrl: string;
  /** null: calls carry no token. */
  readonly token: Secret | null;
  readonly fetch: MeshFetch;
  /** The proxy that `fetch` uses for this coordinator, to explain its errors; null (default): none. */
  readonly proxyUrl?: string | null;
  /** For answers that come at once, not for messages. Default 30 s. */
  readonly timeoutMs?: number;
}

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

export function createMeshClient(options: MeshClientOptions): MeshClient {
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const transport = createTransport(options.fetch, { baseUrl, proxyUrl: options.proxyUrl ?? null });

  const request: MeshClient["request"] = async (route, input, callOptions = {}) => {
    const timeoutMs =
      callOptions.timeoutMs === undefined ? (options.timeoutMs ?? defaultTimeoutMs) : callOptions.timeoutMs;
    const response = await transport.send(
      pathOf(route, input),
      {
        method: route.method,
        headers: { ...headersOf(options.token, input.body), ...callOptions.headers },
        ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
        ...signalOf(callOptions.signal, timeoutMs),
      },
      callOptions.signal,
    );
    const text = await transport.readText(response, callOptions.signal);
    if (response.status !== route.status) throw toMeshError(response, text, transport.exchange);
    return { answer: transport.parseAnswer(route, response, text), headers: response.headers };
  };

  const call: MeshClient["call"] = async (route, input, callOptions) =>
    (await request(route, input, callOptions)).answer;

  const calls = { baseUrl, request, call };
  return { ...calls, ...createPages(calls), ...createAnswerStreams(transport, options.token) };
}
