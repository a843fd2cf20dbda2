/**
 * A mesh of real processes: the compiled executable, each machine with an empty home of its own, on loopback. Only the
 * command line, HTTP, WebSocket and files are touched, as a user would.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type CommandResult,
  type Exit,
  type Program,
  type ProgramOptions,
  runProgram,
  startProgram,
} from "./program.ts";
import { createTempDir } from "./temp-dir.ts";

/** Long enough for a test of several processes on a busy machine; pass it to `setDefaultTimeout`. */
export const e2eTimeoutMs = 60_000;

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

/** One computer: a home directory, and a working directory in it. */
export interface Machine {
  readonly home: string;
  readonly cwd: string;
  /** Starts a program that goes on; it ends with the mesh. */
  readonly start: (
    args: readonly string[],
    options?: RunOptions & Pick<ProgramOptions, "wrapper">,
  ) => Program;
  /** Runs a command to its end. */
  readonly cli: (args: readonly string[], options?: RunOptions) => Promise<CommandResult>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of answers that they then compare.
  readonly body: any;
}

export interface CallOptions {
  /** null: none; default: the admin token. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly rawBody?: string;
  readonly signal?: AbortSignal;
}

export interface CoordinatorProcess {
  readonly machine: Machine;
  readonly port: number;
  readonly url: string;
  readonly token: string;
  readonly program: () => Program;
  /** A command on the coordinator's machine, which needs neither address nor token. */
  readonly cli: (args: readonly string[], options?: RunOptions) => Promise<CommandResult>;
  readonly call: (method: string, path: string, body?: unknown, options?: CallOptions) => Promise<HttpAnswer>;
  readonly kill: (signal: NodeJS.Signals) => Promise<Exit>;
  /** Starts it again on the same port and data directory. */
  readonly restart: () => Promise<void>;
}

export interface NodeProcess {
  readonly machine: Machine;
  readonly name: string;
  readonly program: () => Program;
  readonly kill: (signal: NodeJS.Signals) => Promise<Exit>;
  readonly restart: () => Promise<void>;
}

export interface CoordinatorOptions {
  /** More flags for `up`. Default: `--no-local`. */
  readonly args?: readonly string[];
  /** Default: any free one. */
  readonly port?: number;
  readonly machine?: Machine;
  readonly wrapper?: ProgramOptions["wrapper"];
}

export interface NodeOptions {
  readonly name: string;
  readonly tags?: readonly string[];
  /** Base address of an OpenAI-compatible server; without it the node echoes. */
  readonly openaiUrl?: string;
  /** Flags that name the runtime, in place of the above. */
  readonly runtimeArgs?: readonly string[];
  readonly args?: readonly string[];
  readonly machine?: Machine;
}

export interface TestMesh extends AsyncDisposable {
  /** `env`: what its shell exports, for every program on it. */
  readonly createMachine: (name: string, env?: Readonly<Record<string, string>>) => Promise<Machine>;
  readonly startCoordinator: (options?: CoordinatorOptions) => Promise<CoordinatorProcess>;
  /** Comes back when the node is registered. */
  readonly startNode: (coordinator: CoordinatorProcess, options: NodeOptions) => Promise<NodeProcess>;
}

export async function createTestMesh(): Promise<TestMesh> {
  const directory = await createTempDir();
  const programs: Program[] = [];

  const createMachine: TestMesh["createMachine"] = async (name, exported = {}) => {
    const home = join(directory.path, name);
    const cwd = join(home, "work");
    await mkdir(cwd, { recursive: true });
    const base = { HOME: home, PATH: "/usr/bin:/bin", TMPDIR: directory.path, LANG: "C.UTF-8", ...exported };
    return {
      home,
      cwd,
      start: (args, options = {}) => {
        const { wrapper = [] } = options;
        const env = { ...base, ...options.env };
        const program = startProgram({ args, cwd: options.cwd ?? cwd, env, wrapper });
        programs.push(program);
        return program;
      },
      cli: (args, { env, ...options } = {}) =>
        runProgram({ cwd, ...options, args, env: { ...base, ...env } }),
    };
  };

  const startCoordinator: TestMesh["startCoordinator"] = async (options = {}) => {
    const machine = options.machine ?? (await createMachine("coordinator"));
    const flags = options.args ?? ["--no-local"];
    const { wrapper = [] } = options;
    let program = machine.start(["up", "--port", String(options.port ?? 0), ...flags], { wrapper });
    const port = await listeningPort(program);
    const url = `http://127.0.0.1:${port}`;
    const token = (await Bun.file(join(machine.home, ".claw-mesh", "token")).text()).trim();
    return {
      machine,
      port,
      url,
      token,
      program: () => program,
      cli: (args, cliOptions) => machine.cli([...args, "--coordinator", url], cliOptions),
      call: (method, path, body, callOptions) => callHttp(url, token, { method, path, body }, callOptions),
      kill: (signal) => program.stop(signal),
      restart: async () => {
        await program.exited;
        program = machine.start(["up", "--port", String(port), ...flags], { wrapper });
        await listeningPort(program);
      },
    };
  };

  const startNode: TestMesh["startNode"] = async (coordinator, options) => {
    const machine = options.machine ?? (await createMachine(`node-${options.name}`));
    const args = [
      "join",
      coordinator.url,
      ...["--name", options.name, "--token", coordinator.token],
      ...(options.tags === undefined ? [] : ["--tags", options.tags.join(",")]),
      ...(options.runtimeArgs ?? runtimeFlags(options.openaiUrl)),
      ...(options.args ?? []),
    ];
    let program = machine.start(args);
    await program.waitForLine(/registered as node node_/);
    return {
      machine,
      name: options.name,
      program: () => program,
      kill: (signal) => program.stop(signal),
      restart: async () => {
        await program.exited;
        program = machine.start(args);
        await program.waitForLine(/registered as node node_/);
      },
    };
  };

  return {
    createMachine,
    startCoordinator,
    startNode,
    [Symbol.asyncDispose]: async () => {
      // Nodes were started after their coordinator and say goodbye to it.
      for (const program of programs.reverse()) await program[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function runtimeFlags(openaiUrl: string | undefined): readonly string[] {
  if (openaiUrl === undefined) return ["--no-gateway"];
  return ["--runtime", "openai", "--gateway-endpoint", openaiUrl];
}

async function listeningPort(program: Program): Promise<number> {
  const [, port] = await program.waitForLine(/coordinator listening on :(\d+)/);
  return Number(port);
}

async function callHttp(
  url: string,
  adminToken: string,
  request: { readonly method: string; readonly path: string; readonly body: unknown },
  options: CallOptions = {},
): Promise<HttpAnswer> {
  const { token = adminToken, headers = {}, rawBody, signal } = options;
  const body = rawBody ?? (request.body === undefined ? null : JSON.stringify(request.body));
  const response = await fetch(url + request.path, {
    method: request.method,
    headers: {
      ...(body === null ? {} : { "content-type": "application/json" }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body,
    redirect: "manual",
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("application/json") === true;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}
