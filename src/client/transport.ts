import { MeshError } from "../protocol/errors.ts";
import type { RouteContract } from "../protocol/http/route.ts";
import type { AnswerOf } from "./call-types.ts";
import { type Exchange, parseJson, toForeignError, toUnreachableError } from "./error-answer.ts";

/** The part of `fetch` that is used; a browser's own fits. */
export type MeshFetch = (url: string, init: RequestInit) => Promise<Response>;

/** One coordinator as requests reach it. All that goes wrong on the way is thrown as MeshError. */
export interface Transport {
  readonly exchange: Exchange;
  /** @param callerSignal its reason is thrown when it ended the request */
  readonly send: (
    path: string,
    init: RequestInit,
    callerSignal: AbortSignal | undefined,
  ) => Promise<Response>;
  readonly readText: (response: Response, callerSignal: AbortSignal | undefined) => Promise<string>;
  readonly parseAnswer: <Route extends RouteContract>(
    route: Route,
    response: Response,
    text: string,
  ) => AnswerOf<Route>;
}

/** Bytes of an answer, unpacked. */
export const maxAnswerLength = 64 * 1024 * 1024;

export function createTransport(fetch: MeshFetch, exchange: Exchange): Transport {
  return {
    exchange,
    send: async (path, init, callerSignal) => {
      try {
        return await fetch(exchange.baseUrl + path, { redirect: "manual", ...init });
      } catch (cause) {
        if (callerSignal?.aborted === true) throw callerSignal.reason;
        throw toUnreachableError(cause, exchange);
      }
    },
    readText: (response, callerSignal) => readText(response, exchange, callerSignal),
    parseAnswer: (route, response, text) => parseAnswer(route, response, text, exchange),
  };
}

async function readText(
  response: Response,
  exchange: Exchange,
  signal: AbortSignal | undefined,
): Promise<string> {
  const length = Number(response.headers.get("content-length") ?? 0);
  if (length > maxAnswerLength) throw toForeignError(response, exchange);
  try {
    const text = await readAtMost(response, maxAnswerLength);
    if (text !== null) return text;
  } catch (cause) {
    if (signal?.aborted === true) throw signal.reason;
    throw toUnreachableError(cause, exchange);
  }
  throw toForeignError(response, exchange);
}

/** @returns null when there is more: who answers need not say how much comes, nor tell the truth about it */
async function readAtMost(response: Response, maxBytes: number): Promise<string | null> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = "";
  let bytes = 0;
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) return text + decoder.decode();
    bytes += part.value.byteLength;
    if (bytes > maxBytes) {
      await reader?.cancel();
      return null;
    }
    text += decoder.decode(part.value, { stream: true });
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
