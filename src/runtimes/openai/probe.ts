import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { Clock } from "../../platform/clock.ts";
import type { RuntimeStatus } from "../../protocol/node.ts";
import type { Secret } from "../../protocol/secret.ts";
import { OwnerError } from "../owner-check.ts";
import type { RuntimeProbe } from "../runtime.ts";
import { matchStatusFailure, tidyMessage } from "./failure-map.ts";
import {
  fetchChatPathStatus,
  fetchModels,
  type ModelList,
  matchChatModel,
  type ServerAccess,
} from "./models.ts";

interface ProbeOptions {
  /** The configured model; null when the server's list decides. */
  readonly model: string | null;
  readonly clock: Clock;
  readonly secrets: readonly Secret[];
}

/** Below the 3 s that a probe may take. */
const probeLimitMs = 2_800;

/** Asks for the list of models, which costs nothing. Never rejects. */
export async function probeServer(
  access: ServerAccess,
  { model, clock, secrets }: ProbeOptions,
): Promise<RuntimeProbe> {
  const stop = new AbortController();
  const cancelLimit = clock.after(probeLimitMs, () => stop.abort("timeout"));
  try {
    const list = await fetchModels(access, stop.signal);
    // Some servers have no list; then the chat path itself has to show that it is there.
    const hasNoList = model !== null && list.kind === "refused" && list.status === 404;
    const reason = hasNoList
      ? matchChatPathStatus(await fetchChatPathStatus(access, stop.signal), access.address.httpUrl)
      : matchUnready(list, model, access.address.httpUrl);
    return toProbe(reason === null ? null : tidyMessage(reason, secrets));
  } catch (error) {
    const where = access.address.httpUrl;
    if (stop.signal.aborted) return toProbe(`${where} did not answer within ${probeLimitMs} ms`);
    if (error instanceof OwnerError) return toProbe(`${where} is not asked: ${error.message}`);
    const code = errorCodeOf(error);
    return toProbe(`nothing answers at ${where}${code === null ? "" : ` (${code})`}`);
  } finally {
    cancelLimit();
  }
}

function matchUnready(list: ModelList, model: string | null, location: string): string | null {
  switch (list.kind) {
    case "listed":
      if (model !== null || matchChatModel(list.ids) !== null) return null;
      return `${location} lists no models; load one, or name one in the configuration`;
    case "foreign":
      return `${location} is not an OpenAI-compatible server: /v1/models is not a list of models`;
    case "refused":
      if (list.status === 404) {
        return `${location} has no /v1/models (HTTP 404); on OpenClaw, set gateway.http.endpoints.chatCompletions.enabled to true`;
      }
      return matchStatusFailure(list.status, list.error, { location }).message;
    default:
      return list satisfies never;
  }
}

function matchChatPathStatus(status: number, location: string): string | null {
  if (status === 405 || status === 400 || status === 422) return null;
  return matchStatusFailure(status, { message: null, words: [], status: null }, { location }).message;
}

function toProbe(reason: string | null): RuntimeProbe {
  const status: RuntimeStatus = {
    kind: "openai",
    version: null,
    ready: reason === null,
    reason,
    active: null,
    queued: null,
  };
  return { status, slots: null };
}
