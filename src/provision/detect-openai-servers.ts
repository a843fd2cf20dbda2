import { parseGatewayAddress } from "../runtimes/gateway-address.ts";
import { fetchModels, type ModelList, matchChatModel, type ServerAccess } from "../runtimes/openai/models.ts";
import { identifyServer, isHermes, type ServerProduct } from "../runtimes/openai/server-product.ts";
import { type DetectDeps, detectLimitMs } from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { findForeign, judgeForeign } from "./foreign-port.ts";
import { findServerPlaces, type ServerPlace } from "./server-places.ts";

interface DetectedServer {
  readonly runtime: DetectedRuntime;
  /** Whether an agent answers there rather than a bare model. */
  readonly isAgent: boolean;
}

/** OpenAI-compatible servers of this machine; agents first, else in the order of the table of ports. */
export async function detectOpenaiServers(deps: DetectDeps): Promise<readonly DetectedRuntime[]> {
  const places = await findServerPlaces(deps);
  const answers = await Promise.all(places.map((place) => askServer(place, deps)));
  const found = answers.filter((server) => server !== null);
  const sorted = [...found.filter(({ isAgent }) => isAgent), ...found.filter(({ isAgent }) => !isAgent)];
  return sorted.map(({ runtime }) => runtime);
}

/** What is at the port; null for everything that is no OpenAI-compatible server, however it behaves. */
async function askServer(place: ServerPlace, deps: DetectDeps): Promise<DetectedServer | null> {
  const { clock, fetch } = deps;
  const address = parseGatewayAddress(`127.0.0.1:${place.port}`);
  const open: ServerAccess = { fetch, address, apiKey: null };
  const stop = new AbortController();
  const cancelLimit = clock.after(detectLimitMs, () => stop.abort("timeout"));
  try {
    const foreign =
      place.apiKey === null
        ? null
        : findForeign(address.httpUrl, { isThere: true, isExpected: place.from !== null });
    const isSure = foreign === null && (await mayHaveKey(place, open, stop.signal));
    const access = isSure ? { ...open, apiKey: place.apiKey } : open;
    const list = await fetchModels(access, stop.signal);
    if (!isPossible(list)) return null;
    const product = await identifyServer(open, list, stop.signal);
    if (!isCertain(list, product)) return null;
    const runtime: DetectedRuntime = {
      kind: "openai",
      product: product.name,
      version: product.version,
      program: null,
      endpoint: address.httpUrl,
      token: access.apiKey,
      command: null,
      ...(foreign === null
        ? judge(list, { ...place, apiKey: access.apiKey })
        : judgeForeign("openai", address.httpUrl, foreign)),
      foundBy: place.from ?? `answers at 127.0.0.1:${place.port}`,
    };
    return { runtime, isAgent: product.isAgent };
  } catch {
    // Nothing there, or something that cuts connections, drips, or speaks another protocol: no server that one could use.
    return null;
  } finally {
    cancelLimit();
    stop.abort();
  }
}

/** Hermes says what it is without its key; nobody else gets it. nanobot does not say, and is told by the owner of its port. */
async function mayHaveKey(place: ServerPlace, access: ServerAccess, signal: AbortSignal): Promise<boolean> {
  if (place.apiKey === null) return false;
  return place.keyOf !== "Hermes Agent" || (await isHermes(access, signal)) === "yes";
}

function isKeyMissing(list: ModelList): boolean {
  return list.kind === "refused" && (list.status === 401 || list.status === 403);
}

function isPossible(list: ModelList): boolean {
  return list.kind === "listed" || isKeyMissing(list);
}

/** An empty list, or a refusal, is what many a server of another purpose answers on any path. */
function isCertain(list: ModelList, product: ServerProduct): boolean {
  if (product.name !== "OpenAI-compatible server") return true;
  return list.kind === "listed" ? list.ids.length > 0 : list.kind === "refused" && list.isApi;
}

function judge(list: ModelList, place: ServerPlace): Pick<DetectedRuntime, "state" | "problem"> {
  const address = `127.0.0.1:${place.port}`;
  if (isKeyMissing(list)) {
    const message =
      place.apiKey === null ? "it asks for a key" : `it refuses the key of its ${place.from ?? "files"}`;
    const remedy = `give it to the node: --runtime openai --gateway-endpoint ${address} --gateway-token …`;
    return { state: "not_ready", problem: { message, remedy } };
  }
  if (list.kind === "listed" && matchChatModel(list.ids) === null) {
    return { state: "not_ready", problem: { message: "it lists no models", remedy: "load a model into it" } };
  }
  return { state: "ready", problem: null };
}
