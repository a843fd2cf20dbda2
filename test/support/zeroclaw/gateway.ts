import { randomUUID } from "node:crypto";
import type { Server } from "bun";
import { type ChatSocket, createChatHandlers } from "./chat-socket.ts";
import { readConfig, type ZeroclawConfig } from "./config.ts";
import {
  bearerOf,
  createRateLimit,
  type GatewayState,
  json,
  profileVersions,
  unauthorized,
  type ZeroclawKnobs,
  type ZeroclawSeen,
} from "./gateway-state.ts";
import { createPairingGuard, type PairingGuard } from "./pairing.ts";
import { answerPairing, type Caller } from "./pairing-routes.ts";
import { answerSessions } from "./session-routes.ts";
import { createSessionStore } from "./sessions.ts";
import { createTurnQueue } from "./turn-queue.ts";
import { handleWebhook, maxBodyBytes } from "./webhook.ts";

/**
 * The gateway of ZeroClaw 0.8.4 on the wire: its paths, statuses, bodies and frames as its source has them (none was recorded
 * from a running one). It answers by asking the configured OpenAI-compatible server. A model's text with
 * `<tool_call>{"name":…,"arguments":…}</tool_call>` makes it use a tool, which does nothing but is asked about, as there.
 * Left out: channels, cron, memory, configuration, events, ACP, A2A, the lockout after failed logins (loopback is exempt).
 */
export interface ZeroclawGateway extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly pairing: PairingGuard;
  readonly seen: ZeroclawSeen;
  /** Drops every connection and stops listening. */
  readonly stop: () => Promise<void>;
}

export interface ZeroclawOptions {
  readonly config: ZeroclawConfig;
  readonly knobs?: ZeroclawKnobs;
  /** Where conversations outlive the process; default: in memory. */
  readonly sessionsFile?: string;
  /** Told the hash of each new token. */
  readonly onPaired?: (hash: string) => void;
  /** `POST /admin/shutdown` was asked for; default: it stops. */
  readonly onShutdown?: () => void;
}

/** Rejects when the port is taken (`EADDRINUSE`). */
export async function startZeroclawGateway(options: ZeroclawOptions): Promise<ZeroclawGateway> {
  const { config, knobs = {} } = options;
  const profile = knobs.profile ?? "0.8";
  const { requirePairing: isRequired, pairedTokens: tokenHashes } = config.gateway;
  const state: GatewayState = {
    config,
    knobs,
    profile,
    version: knobs.version ?? profileVersions[profile],
    pairing: createPairingGuard({ isRequired, tokenHashes, onPaired: options.onPaired ?? (() => {}) }),
    sessions: createSessionStore(options.sessionsFile ?? null),
    queue: createTurnQueue(knobs.queueWaitMs),
    turns: new Map(),
    seen: { requests: [], steering: [], devices: [], sockets: [], approvals: [], cancelled: [] },
    startedAtMs: Date.now(),
    port: () => server.port ?? 0,
    shutDown: () => (options.onShutdown ?? (() => void server.stop(true)))(),
  };
  const answer = createRouter(state);
  const server: Server<ChatSocket> = Bun.serve<ChatSocket>({
    hostname: config.gateway.host,
    port: config.gateway.port,
    idleTimeout: 0,
    fetch: (request, self) => answer(request, self),
    websocket: createChatHandlers(state),
  });
  const stop = async () => {
    for (const turn of state.turns.values()) turn.abort("stopped");
    await server.stop(true);
  };
  const host = config.gateway.host;
  const port = server.port ?? 0;
  return {
    host,
    port,
    url: `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`,
    pairing: state.pairing,
    seen: state.seen,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A configuration for tests: one agent `default` on the model server, a free port, no limits of rate. */
export function createZeroclawConfig(parts: {
  /** Up to and with `/v1`. */
  readonly modelUrl: string;
  readonly apiKey?: string;
  readonly gateway?: Readonly<Record<string, unknown>>;
  readonly risk?: { readonly level?: string; readonly auto_approve?: readonly string[] };
}): ZeroclawConfig {
  const gateway = { port: 0, webhook_rate_limit_per_minute: 0, request_timeout_secs: 600, ...parts.gateway };
  const tables = {
    schema_version: 3,
    "providers.models.custom.mesh": { uri: parts.modelUrl, model: "test-model", api_key: parts.apiKey ?? "" },
    "risk_profiles.mesh": { level: "supervised", ...parts.risk },
    "runtime_profiles.mesh": {},
    "agents.default": { model_provider: "custom.mesh", risk_profile: "mesh", runtime_profile: "mesh" },
    gateway,
  };
  const lines = Object.entries(tables).map(([name, value]) =>
    typeof value === "number" ? `${name} = ${value}` : `\n[${name}]\n${toLines(value)}`,
  );
  return readConfig(lines.join("\n"));
}

function toLines(table: object): string {
  return Object.entries(table)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join("\n");
}

type Answer = (request: Request, server: Server<ChatSocket>) => Promise<Response | undefined>;

function createRouter(state: GatewayState): Answer {
  const pairRate = createRateLimit(state.config.gateway.pairRate);
  const webhook = {
    rate: createRateLimit(state.config.gateway.webhookRate),
    keys: new Map<string, number>(),
  };
  const respond = async (request: Request, caller: Caller): Promise<Response> => {
    if (await isTooLarge(request)) return new Response("length limit exceeded", { status: 413 });
    const paired = await answerPairing(state, request, { ...caller, rate: pairRate });
    if (paired !== null) return paired;
    if (request.method === "POST" && caller.url.pathname === "/webhook") {
      return await handleWebhook(state, request, { ...webhook, client: caller.client });
    }
    return (await answerApi(state, request, caller.url)) ?? answerUnknown(state, request);
  };
  return async (request, server) => {
    const url = new URL(request.url);
    state.seen.requests.push(`${request.method} ${url.pathname}`);
    if (url.pathname === "/ws/chat" && state.profile !== "tinyclaw") return upgrade(state, request, server);
    const address = server.requestIP(request)?.address ?? "";
    const isLoopback = state.knobs.isRemote !== true && /^(?:::ffff:)?127\.|^::1$/.test(address);
    return await inTime(respond(request, { url, client: address, isLoopback }), state);
  };
}

/** The limit of 64 KiB on every body. */
async function isTooLarge(request: Request): Promise<boolean> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBodyBytes) return true;
  return request.body !== null && (await request.clone().arrayBuffer()).byteLength > maxBodyBytes;
}

/** 408 without a body that could be read when the answer takes too long. */
async function inTime(answer: Promise<Response>, { config }: GatewayState): Promise<Response> {
  const { promise: late, resolve } = Promise.withResolvers<Response>();
  const timer = setTimeout(
    () => resolve(new Response(null, { status: 408 })),
    config.gateway.requestTimeoutS * 1000,
  );
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

function upgrade(state: GatewayState, request: Request, server: Server<ChatSocket>): Response | undefined {
  const query = new URL(request.url).searchParams;
  const protocols = (request.headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((text) => text.trim());
  const header = bearerOf(request);
  const bySubprotocol = protocols.find((text) => text.startsWith("bearer."))?.slice("bearer.".length) ?? null;
  const inQuery = query.get("token");
  const token = state.profile === "0.1" ? inQuery : (header ?? bySubprotocol ?? inQuery);
  state.seen.sockets.push({ url: request.url, hasHeader: header !== null, protocols: protocols.join() });
  if (!state.pairing.accepts(token)) return new Response("Unauthorized", { status: 401 });
  const named = query.get("agent") ?? query.get("agentAlias") ?? query.get("agent_alias");
  if (state.profile === "0.8") {
    if (named === null || named.trim() === "") {
      return new Response("Missing required `agent` query parameter", { status: 400 });
    }
    if (state.config.agents[named] === undefined) {
      return new Response(`Unknown agent \`${named}\``, { status: 400 });
    }
  }
  const data: ChatSocket = {
    agent: state.profile === "0.8" ? (named ?? "") : "default",
    sessionId: query.get("session_id") ?? randomUUID(),
    name: query.get("name"),
    turn: null,
    isFirst: true,
    isClosed: false,
  };
  const isNamed = protocols.includes("zeroclaw.v1");
  const headers = isNamed ? { "Sec-WebSocket-Protocol": "zeroclaw.v1" } : {};
  if (server.upgrade(request, { data, headers })) return undefined;
  return new Response("Connection header did not include 'upgrade'", { status: 400 });
}

async function answerApi(state: GatewayState, request: Request, url: URL): Promise<Response | null> {
  if (request.method === "GET" && url.pathname === "/health") return json(200, toHealth(state));
  if (state.profile === "tinyclaw" || !url.pathname.startsWith("/api/")) return null;
  if (!state.pairing.accepts(bearerOf(request))) return unauthorized();
  if (request.method === "GET" && url.pathname === "/api/status") return json(200, toStatus(state));
  return state.profile === "0.1" ? null : await answerSessions(state, request, url.pathname);
}

function toHealth({ pairing, knobs, profile, startedAtMs }: GatewayState): object {
  const now = new Date().toISOString();
  const status = knobs.health ?? "ok";
  const component = {
    status,
    updated_at: now,
    last_ok: status === "ok" ? now : null,
    last_error: status === "error" ? "provider warm-up failed" : null,
    restart_count: 0,
  };
  return {
    status: "ok",
    paired: pairing.isPaired(),
    ...(profile === "tinyclaw" ? {} : { require_pairing: pairing.isRequired }),
    runtime: {
      pid: process.pid,
      updated_at: now,
      uptime_seconds: Math.floor((Date.now() - startedAtMs) / 1000),
      components: { gateway: component },
    },
  };
}

function toStatus(state: GatewayState): object {
  const alias = "default" in state.config.agents ? "default" : (Object.keys(state.config.agents)[0] ?? null);
  const model =
    alias === null || state.knobs.needsQuickstart === true ? null : state.config.agents[alias]?.model;
  return {
    version: state.version,
    model_provider: model?.provider ?? null,
    model: model?.model ?? "",
    temperature: 0.7,
    uptime_seconds: Math.floor((Date.now() - state.startedAtMs) / 1000),
    gateway_port: state.port(),
    locale: "en",
    memory_backend: "markdown",
    paired: state.pairing.isPaired(),
    channels: {},
    health: toHealth(state),
    ...(state.profile === "0.8" ? { agent_alias: alias } : {}),
  };
}

/** Any unknown GET is the page of the dashboard; the fallback takes nothing else. */
function answerUnknown({ profile }: GatewayState, request: Request): Response {
  if (profile === "tinyclaw") return new Response(null, { status: 404 });
  if (request.method !== "GET") return new Response(null, { status: 405 });
  return new Response("<!doctype html><title>ZeroClaw</title>", { headers: { "content-type": "text/html" } });
}
