import type { z } from "zod";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import type { MessageInput } from "../protocol/message.ts";
import type { Secret } from "../protocol/secret.ts";
import { type Exchange, fromErrorBody, toMeshError, toUnreachableError } from "./error-answer.ts";
import { headersOf, isEventStream, pathOf, signalOf } from "./request-parts.ts";
import { readRouteStream, type StreamEvent } from "./route-stream.ts";
import type { Transport } from "./transport.ts";

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

/** The calls whose answers come as events. */
export function createAnswerStreams(transport: Transport, token: Secret | null) {
  const { exchange, send, readText, parseAnswer } = transport;

  async function* streamRoute(routeRequest: RouteRequest): AsyncGenerator<RouteEvent, void, void> {
    const { target, message, idempotencyKey, signal } = routeRequest;
    const path =
      target === null
        ? pathOf(contract.routeMessage, {})
        : pathOf(contract.routeMessageTo, { params: { node: target } });
    const response = await send(
      path,
      {
        method: "POST",
        headers: {
          ...headersOf(token, message),
          accept: "text/event-stream",
          ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
        },
        body: JSON.stringify(message),
        ...signalOf(signal, null),
      },
      signal,
    );
    if (isEventStream(response)) {
      yield* untilResult(response, exchange, signal);
      return;
    }
    const text = await readText(response, signal);
    if (response.status !== 200) throw toMeshError(response, text, exchange);
    yield { event: "result", data: parseAnswer(contract.routeMessage, response, text) };
  }

  async function* streamTask({
    id,
    lastEventId = null,
    signal,
  }: FollowRequest): AsyncGenerator<RouteEvent, void, void> {
    const response = await send(
      pathOf(contract.streamTask, { params: { id } }),
      {
        method: "GET",
        headers: {
          ...headersOf(token, undefined),
          accept: "text/event-stream",
          ...(lastEventId === null ? {} : { "last-event-id": lastEventId }),
        },
        ...signalOf(signal, null),
      },
      signal,
    );
    if (!isEventStream(response)) {
      throw toMeshError(response, await readText(response, signal), exchange);
    }
    yield* untilResult(response, exchange, signal);
  }

  return { streamRoute, streamTask };
}

/** The events up to the result; errors, and an end before it, are thrown. */
async function* untilResult(
  { body }: { readonly body: ReadableStream<Uint8Array> },
  exchange: Exchange,
  signal: AbortSignal | undefined,
): AsyncGenerator<RouteEvent, void, void> {
  try {
    for await (const event of readRouteStream(body, exchange.baseUrl)) {
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
    `the connection to ${exchange.baseUrl} ended before the answer did`,
  );
}
