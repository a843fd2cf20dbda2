import { z } from "zod";
import type { HttpFetch } from "../../platform/http-fetch.ts";
import type { Secret } from "../../protocol/secret.ts";
import { readBoundedBody, readJson } from "../bounded-body.ts";
import type { GatewayAddress } from "../gateway-address.ts";
import { readServerError, type ServerError } from "./server-error.ts";

/** What `GET /v1/models` gave. */
export type ModelList =
  | {
      readonly kind: "listed";
      readonly ids: readonly string[];
      /** What the server says of who owns them, in the same order; empty where it says nothing. */
      readonly owners: readonly string[];
    }
  /** Another status than 200; 401 and 403: the key. `isApi`: the body is an error of the chat API's kind. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly error: ServerError;
      readonly isApi: boolean;
    }
  /** Status 200, but no list of models: a web page, say. */
  | { readonly kind: "foreign" };

export interface ServerAccess {
  readonly fetch: HttpFetch;
  readonly address: GatewayAddress;
  /** null: requests carry no key. */
  readonly apiKey: Secret | null;
}

const ModelsBody = z.object({
  data: z.array(z.object({ id: z.string().min(1), owned_by: z.string().catch("").default("") })),
});
const ApiError = z.object({ error: z.object({ message: z.string() }) });

/** Bytes; the lists of the big providers have some hundred kilobytes. */
const maxListBytes = 4 * 1024 * 1024;

/** What every request to the server has in common: no redirects (they would carry the key elsewhere). */
export function toRequestInit({ apiKey }: ServerAccess, init: BunFetchRequestInit): BunFetchRequestInit {
  return {
    ...init,
    redirect: "manual",
    headers: {
      accept: "application/json, text/event-stream",
      ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey.reveal()}` }),
      ...init.headers,
    },
  };
}

/** Rejects when the server cannot be reached or the signal is aborted. */
export async function fetchModels(access: ServerAccess, signal: AbortSignal): Promise<ModelList> {
  const url = `${access.address.httpUrl}/v1/models`;
  const response = await access.fetch(url, toRequestInit(access, { signal }));
  const body = readJson(await readBoundedBody(response, maxListBytes));
  if (response.status !== 200) {
    return {
      kind: "refused",
      status: response.status,
      error: readServerError(body),
      isApi: ApiError.safeParse(body).success,
    };
  }
  const list = ModelsBody.safeParse(body);
  if (!list.success) return { kind: "foreign" };
  const models = list.data.data;
  return { kind: "listed", ids: models.map(({ id }) => id), owners: models.map((model) => model.owned_by) };
}

/** What the chat path says to a request without a message: 405 or the like where it is there, 404 where it is not. */
export async function fetchChatPathStatus(access: ServerAccess, signal: AbortSignal): Promise<number> {
  const url = `${access.address.httpUrl}/v1/chat/completions`;
  const response = await access.fetch(url, toRequestInit(access, { signal }));
  await response.body?.cancel();
  return response.status;
}

/** Models that do not chat, by the usual names. */
const otherPurpose = /embed|rerank|whisper|tts|transcri|moderation|dall-e|image|(?:^|[-/])bge-/i;

/** The model to use when none is configured: the first of the list that chats; null when the list is empty. */
export function matchChatModel(ids: readonly string[]): string | null {
  return ids.find((id) => !otherPurpose.test(id)) ?? ids[0] ?? null;
}

/** OpenClaw's own endpoint offers its agents as models; it keeps the sessions itself. */
export function isOpenclawModel(model: string): boolean {
  return model === "openclaw" || model.startsWith("openclaw/");
}
