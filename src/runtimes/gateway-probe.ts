import { z } from "zod";
import { waitAtMost } from "../platform/bounded-wait.ts";
import type { Clock } from "../platform/clock.ts";
import type { HttpFetch } from "../platform/http-fetch.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Secret } from "../protocol/secret.ts";
import { readBoundedBody, readJson } from "./bounded-body.ts";
import { type GatewayAddress, parseGatewayAddress } from "./gateway-address.ts";
import { fetchModels, type ServerAccess } from "./openai/models.ts";

export interface GatewayProbeDeps {
  readonly fetch: HttpFetch;
  readonly clock: Clock;
  /** Opens a WebSocket; default: the platform's own. */
  readonly openSocket?: (url: string) => WebSocket;
}

/** Longest time for each of the questions, which are asked at the same time. */
const questionLimitMs = 3_000;

/** Bytes of a health answer. */
const maxHealthBytes = 256 * 1024;

/** What a question found out. `silent`: nothing answered at all. */
type Finding = "yes" | "no" | "silent";

/**
 * Which runtime answers at the address. Nothing is believed for its status alone: gateways serve web pages with
 * status 200 on any path. The token goes to the address only as the key of the OpenAI-compatible API.
 * @throws MeshError USAGE for an address that cannot be read, RUNTIME_NOT_FOUND when nothing known answers
 */
export async function probeGatewayKind(
  endpoint: string,
  token: Secret | null,
  deps: GatewayProbeDeps,
): Promise<RuntimeKind> {
  const address = parseGatewayAddress(endpoint);
  const stop = new AbortController();
  const inTime = (answer: Promise<Finding>) => waitForFinding(answer, deps.clock);
  const questions: readonly (readonly [RuntimeKind, Promise<Finding>])[] = [
    ["openclaw", inTime(hasOpenclawChallenge(address, deps, stop.signal))],
    ["zeroclaw", inTime(hasZeroclawHealth(address, deps.fetch, stop.signal))],
    ["openai", inTime(hasModelList({ fetch: deps.fetch, address, apiKey: token }, stop.signal))],
  ];
  try {
    const findings: Finding[] = [];
    for (const [kind, answer] of questions) {
      findings.push(await answer);
      if (findings.at(-1) === "yes") return kind;
    }
    throw nothingKnown(address, findings);
  } finally {
    stop.abort();
  }
}

/** Whether an OpenClaw gateway greets at the address; false as well when it does not within 3 s. */
export async function isOpenclawGateway(endpoint: string, deps: GatewayProbeDeps): Promise<boolean> {
  const stop = new AbortController();
  const challenge = hasOpenclawChallenge(parseGatewayAddress(endpoint), deps, stop.signal);
  const finding = await waitForFinding(challenge, deps.clock);
  stop.abort();
  return finding === "yes";
}

/** Whether a ZeroClaw gateway tells its health at the address; false as well when it does not within 3 s. */
export async function isZeroclawGateway(endpoint: string, deps: GatewayProbeDeps): Promise<boolean> {
  const stop = new AbortController();
  const health = hasZeroclawHealth(parseGatewayAddress(endpoint), deps.fetch, stop.signal);
  const finding = await waitForFinding(health, deps.clock);
  stop.abort();
  return finding === "yes";
}

function waitForFinding(answer: Promise<Finding>, clock: Clock): Promise<Finding> {
  // Whatever goes wrong on the way means that nothing useful answers.
  const orSilent = answer.catch((): Finding => "silent");
  return waitAtMost(orSilent, { clock, limitMs: questionLimitMs, otherwise: "silent" });
}

function nothingKnown({ httpUrl }: GatewayAddress, findings: readonly Finding[]): MeshError {
  if (findings.every((finding) => finding === "silent")) {
    return new MeshError("RUNTIME_NOT_FOUND", `Nothing answers at ${httpUrl}.`, {
      hint: "Start the runtime first, or check --gateway-endpoint.",
    });
  }
  return new MeshError("RUNTIME_NOT_FOUND", `What answers at ${httpUrl} is no runtime that is known.`, {
    hint: "Name it with --runtime (openclaw, zeroclaw or openai).",
  });
}

const Challenge = z.object({ type: z.literal("event"), event: z.literal("connect.challenge") });

/** OpenClaw speaks first: a challenge, before anything is sent. */
async function hasOpenclawChallenge(
  { wsUrl }: GatewayAddress,
  { openSocket = (url) => new WebSocket(url) }: GatewayProbeDeps,
  signal: AbortSignal,
): Promise<Finding> {
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const socket = openSocket(wsUrl);
  let hasOpened = false;
  signal.addEventListener("abort", () => socket.close(), { once: true });
  socket.addEventListener("open", () => {
    hasOpened = true;
  });
  socket.addEventListener("message", ({ data }) => {
    const frame = typeof data === "string" ? readJson(data) : undefined;
    resolve(Challenge.safeParse(frame).success ? "yes" : "no");
  });
  socket.addEventListener("close", () => resolve(hasOpened ? "no" : "silent"));
  socket.addEventListener("error", () => resolve("silent"));
  return await promise;
}

/** Forks of before 0.1.7 (TinyClaw) do not tell whether they pair; what runs in it they tell as well. */
const ZeroclawHealth = z.union([
  z.object({ require_pairing: z.boolean() }),
  z.object({ paired: z.boolean(), runtime: z.object({ components: z.record(z.string(), z.unknown()) }) }),
]);

async function hasZeroclawHealth(
  { httpUrl }: GatewayAddress,
  fetch: HttpFetch,
  signal: AbortSignal,
): Promise<Finding> {
  const response = await fetch(`${httpUrl}/health`, { signal, redirect: "manual" });
  const body = readJson(await readBoundedBody(response, maxHealthBytes));
  return response.status === 200 && ZeroclawHealth.safeParse(body).success ? "yes" : "no";
}

async function hasModelList(access: ServerAccess, signal: AbortSignal): Promise<Finding> {
  const list = await fetchModels(access, signal);
  if (list.kind === "listed") return "yes";
  // A refusal in the API's own words tells as much; what is missing then is the key, as the runtime's probe will say.
  const isKeyMissing = list.kind === "refused" && (list.status === 401 || list.status === 403) && list.isApi;
  return isKeyMissing ? "yes" : "no";
}
