import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliWorld } from "../../src/cli/context.ts";
import { runCli } from "../../src/cli/run-cli.ts";
import { type Clock, systemClock } from "../../src/platform/clock.ts";

/** One request that the command line sent. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage["headers"];
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of bodies that they then compare.
  readonly body: any;
}

/** What the coordinator of a test does with a request. */
export interface Reply {
  readonly json: (value: unknown, status?: number) => void;
  /** Events as server-sent events; the connection is cut behind them unless one of them is the last. */
  readonly events: (events: readonly StreamedEvent[], options?: { readonly staysOpen?: boolean }) => void;
  /** The connection breaks before any answer. */
  readonly cut: () => void;
  /** Somebody on the way answers, who is no coordinator. */
  readonly foreign: (status: number, headers?: Readonly<Record<string, string>>) => void;
}

export interface StreamedEvent {
  readonly event: string;
  readonly id?: string;
  readonly data: unknown;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly isTerminal?: boolean;
  /** Default: it has none, so that texts are compared as they are. */
  readonly hasColour?: boolean;
  /** What is typed at a question. */
  readonly line?: string;
  readonly interrupt?: AbortSignal;
  /** In place of the system's; the time is {@link cliNowMs} in any case. */
  readonly clock?: Clock;
  readonly onStdout?: (text: string) => void;
  readonly onStderr?: (text: string) => void;
  /** null: it was deleted. */
  readonly cwd?: string | null;
}

export interface CliRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliBench extends AsyncDisposable {
  readonly url: string;
  readonly directory: string;
  readonly requests: readonly SeenRequest[];
  /** @param path below `/api/v1` */
  readonly requestsTo: (path: string) => readonly SeenRequest[];
  readonly handle: (handler: (request: SeenRequest, reply: Reply) => void) => void;
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<CliRun>;
}

/** 2026-11-22T16:00:00Z, the time of every command that is run here. */
export const cliNowMs = Date.UTC(2026, 10, 22, 16);

/** The command line in this process, with a coordinator that does as the test says. */
export async function createCliBench(): Promise<CliBench> {
  const directory = await mkdtemp(join(tmpdir(), "claw-mesh-cli-"));
  const requests: SeenRequest[] = [];
  let handler: (request: SeenRequest, reply: Reply) => void = (_, reply) =>
    reply.json({ error: "no such route", code: "ROUTE_NOT_FOUND" }, 404);
  const server = createServer(async (incoming, answer) => {
    const request = await readRequest(incoming);
    requests.push(request);
    handler(request, createReply(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    directory,
    requests,
    requestsTo: (path) => requests.filter((request) => request.path === `/api/v1${path}`),
    handle: (next) => {
      handler = next;
    },
    run: (args, options = {}) => runOnce(args, options, { url, directory }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await rm(directory, { recursive: true });
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<SeenRequest> {
  const parts: Uint8Array[] = [];
  for await (const part of incoming) parts.push(part);
  const text = Buffer.concat(parts).toString("utf8");
  const target = new URL(incoming.url ?? "/", "http://localhost");
  return {
    method: incoming.method ?? "",
    path: target.pathname,
    query: Object.fromEntries(target.searchParams),
    headers: incoming.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}

function createReply(answer: ServerResponse): Reply {
  return {
    json: (value, status = 200) => {
      answer.writeHead(status, { "content-type": "application/json" });
      answer.end(JSON.stringify(value));
    },
    events: (events, { staysOpen = false } = {}) => {
      if (!answer.headersSent) answer.writeHead(200, { "content-type": "text/event-stream" });
      for (const { event, id, data } of events) {
        answer.write(
          `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
        );
      }
      if (!staysOpen) answer.end();
    },
    cut: () => void answer.socket?.destroy(),
    foreign: (status, headers = {}) => {
      answer.writeHead(status, { "content-type": "text/html", ...headers });
      answer.end("<html>");
    },
  };
}

async function runOnce(
  args: readonly string[],
  options: RunOptions,
  { url, directory }: { readonly url: string; readonly directory: string },
): Promise<CliRun> {
  let stdout = "";
  let stderr = "";
  const isTerminal = options.isTerminal === true;
  const output = (write: (text: string) => void) => ({
    write,
    writeAndWait: async (text: string) => write(text),
    isTerminal,
    columns: 200,
    hasColour: options.hasColour === true,
  });
  const world: CliWorld = {
    env: { CLAW_MESH_COORDINATOR: url, ...options.env },
    stdin: {
      isTerminal: options.stdin === undefined && isTerminal,
      readText: async () => options.stdin ?? "",
      readLine: async () => options.line ?? null,
    },
    stdout: output((text) => {
      stdout += text;
      options.onStdout?.(text);
    }),
    stderr: output((text) => {
      stderr += text;
      options.onStderr?.(text);
    }),
    fetch,
    clock: { ...(options.clock ?? systemClock), nowMs: () => cliNowMs },
    createSecret: () => cliSecret,
    cwd: options.cwd === undefined ? directory : options.cwd,
    home: directory,
    programFile: "/opt/claw-mesh/bin/claw-mesh",
    hostName: "mac-mini.local",
    version: "1.2.3",
    interrupt: options.interrupt ?? new AbortController().signal,
  };
  return { exitCode: await runCli(args, world), stdout, stderr };
}

export const digits = (digit: string) => digit.repeat(32);

export const taskId = `task_${digits("a")}`;
export const otherTaskId = `task_${digits("b")}`;
export const nodeId = `node_${digits("c")}`;

/** What all commands of tests take as a new key. */
export const cliSecret = "0123456789abcdef0123456789abcdef";

/** Pauses between tries, of 2 s at most, take no time on it and count as if they had. */
export function createHurriedClock(): Clock {
  let skippedMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() + skippedMs,
    after: (delayMs, callback, options) => {
      if (delayMs > 2000) return systemClock.after(delayMs, callback, options);
      skippedMs += delayMs;
      return systemClock.after(0, callback, options);
    },
  };
}

/** Answers with tasks, on pages of one. */
export function replyPage(request: SeenRequest, reply: Reply, ...tasks: readonly object[]): void {
  const at = Number(request.query.cursor ?? 0);
  reply.json({ tasks: tasks.slice(at, at + 1), next_cursor: at + 1 < tasks.length ? String(at + 1) : null });
}

/** A node as a list shows it. */
export function nodeInfo(changes: object = {}) {
  return {
    id: nodeId,
    name: "mac-mini",
    endpoint: "link",
    capabilities: {
      os: "darwin",
      arch: "arm64",
      gpu: true,
      memory_gb: 16,
      tags: ["home"],
      skills: ["xcode"],
    },
    status: "online",
    last_heartbeat: "2026-11-22T10:00:00.000Z",
    transport: "link",
    ready: true,
    reason: null,
    scheduling: "active",
    slots: 4,
    in_flight: 1,
    load: null,
    runtimes: [],
    groups: [],
    breakers: [],
    weight: 1,
    latency_ms: null,
    version: "1.2.3",
    joined_at: "2026-11-22T10:00:00.000Z",
    since: "2026-11-22T10:00:00.000Z",
    ...changes,
  };
}

/** A task as a list shows it. */
export function taskSummary(changes: object = {}) {
  return {
    id: taskId,
    state: "queued",
    content_preview: "Build the app",
    source: "cli",
    subject: null,
    session: null,
    labels: {},
    target: null,
    effects: "unsafe",
    priority: 5,
    synchronous: false,
    untrusted: false,
    created_at: "2026-11-22T15:58:00.000Z",
    not_before: null,
    expires_at: null,
    ended_at: null,
    cancel_requested: false,
    node_id: null,
    node_name: null,
    attempt_count: 0,
    failure: null,
    waiting_for: "a node with os=darwin",
    retry_of: null,
    retried_as: null,
    discarded_at: null,
    ...changes,
  };
}

/** A task in full. */
export function taskInfo(changes: object = {}) {
  const { content_preview: content, ...summary } = taskSummary();
  return {
    ...summary,
    content,
    from_address: null,
    requires: { os: "darwin" },
    timeout_s: 600,
    retry: { max_attempts: 3, base_delay_s: 0.5, max_delay_s: 60, on: ["overloaded"] },
    response: null,
    attempts: [],
    timeline: [{ at: "2026-11-22T15:58:00.000Z", what: "accepted" }],
    ...changes,
  };
}

export const failedTask = {
  state: "failed",
  waiting_for: null,
  ended_at: "2026-11-22T15:59:00.000Z",
  node_id: nodeId,
  node_name: "mac-mini",
  attempt_count: 1,
  failure: { class: "runtime_error", kind: "quota", message: "the provider refused" },
};

export const routeAnswer = {
  message_id: taskId,
  node_id: nodeId,
  node_name: "mac-mini",
  response: "Done",
  attempts: 1,
  duration_ms: 3,
};
