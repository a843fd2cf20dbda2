import type { LoadedConfig } from "../config/load-config.ts";
import { RuntimeChoice } from "../config/schema.ts";
import type { StartNodeAgentOptions } from "../node/index.ts";
import { expandPath } from "../platform/paths.ts";
import { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import { shellWord } from "./shell-word.ts";
import { splitCommand } from "./split-command.ts";

type NodeSettings = LoadedConfig["value"]["node"];
type RuntimeWish = StartNodeAgentOptions["runtimes"][number];
type Approvals = "deny" | "fail" | "allow";

/** What the command line says of a node's runtimes. */
export interface RuntimeFlags {
  /** `--runtime`; null: what the configuration says. */
  readonly wanted: readonly RuntimeChoice[] | null;
  /** `--runtime-command`, split; null: not given. */
  readonly command: readonly string[] | null;
  /** `--approvals`; null: not given. */
  readonly approvals: Approvals | null;
}

/** Nothing is said there. */
export const noRuntimeFlags: RuntimeFlags = { wanted: null, command: null, approvals: null };

/**
 * The runtimes of a node on this machine, in their order: those of `--runtime`, else the list of the configuration, else the
 * one that it names. A kind that the list has, has its settings. The address, token and model of `node.gateway` are the first
 * gateway's where there is no list; where there is one, only flags and variables change it.
 * @throws MeshError USAGE for a flag that none of them has use for, or a program that is not named; CONFIG_INVALID for a
 *   program that a file of this folder names
 */
export function toNodeRuntimes(
  config: ConfigOfNode,
  flags: RuntimeFlags,
  base: { readonly home: string; readonly cwd: string },
): readonly RuntimeWish[] {
  const { node } = config.value;
  const listed = node.runtimes.map(({ kind }) => kind);
  const kinds = flags.wanted ?? (listed.length > 0 ? listed : [node.runtime]);
  const gateway = listed.length === 0 ? node.gateway : changesOf(node.gateway, config.originOf);
  const wishes = kinds.map((kind) => toWish(kind, node));
  for (const wish of wishes) assertOwnProgram(wish, config);
  return withFlags(withGateway(wishes, gateway), flags).map((wish) =>
    "cwd" in wish && wish.cwd !== null ? { ...wish, cwd: expandPath(wish.cwd, base) } : wish,
  );
}

type ConfigOfNode = Pick<LoadedConfig, "value" | "originOf" | "file" | "isFileOfFolder">;

/** The folder may be a repository of somebody else: to have a program started its file has to be named. */
function assertOwnProgram(wish: RuntimeWish, { file, isFileOfFolder, originOf }: ConfigOfNode): void {
  if (!isFileOfFolder || file === null || !("env" in wish)) return;
  const isProgramSaid = (wish.command?.length ?? 0) > 0 || Object.keys(wish.env).length > 0;
  if (!isProgramSaid) return;
  const origin = originOf("node.runtimes");
  const place = origin.kind === "file" ? `${file}:${origin.line}:${origin.column}` : file;
  const message = `${place}: node.runtimes: a file that was only found in this folder starts no program (${wish.kind})`;
  throw new MeshError("CONFIG_INVALID", message, {
    hint: `When it is yours, name it: --config ${shellWord(file)}`,
  });
}

/** Milliseconds that one run may take; null: as long as its task. */
export function toMaxRunMs({ gateway }: NodeSettings): number | null {
  return gateway.timeout === null ? null : gateway.timeout * 1000;
}

type Gateway = Pick<NodeSettings["gateway"], "endpoint" | "token" | "model">;

function changesOf(gateway: Gateway, originOf: LoadedConfig["originOf"]): Gateway {
  const isChange = (field: keyof Gateway) =>
    ["flag", "environment"].includes(originOf(`node.gateway.${field}`).kind);
  return {
    endpoint: isChange("endpoint") ? gateway.endpoint : null,
    token: isChange("token") ? gateway.token : null,
    model: isChange("model") ? gateway.model : null,
  };
}

/** As the list has it, else without further settings. */
function toWish(kind: RuntimeChoice, { runtimes, gateway }: NodeSettings): RuntimeWish {
  const listed = runtimes.find((runtime) => runtime.kind === kind);
  if (listed !== undefined) return listed;
  const plain = { slots: null, endpoint: null, token: null } as const;
  const approvals = "deny";
  switch (kind) {
    case "auto":
      return { kind, ...plain, model: null, approvals, autoDiscover: gateway.auto_discover };
    case "echo":
      return { kind, slots: null };
    case "openclaw":
      return { kind, ...plain };
    case "openai":
      return { kind, ...plain, model: null, sessions: "auto" };
    case "zeroclaw":
      return { kind, ...plain, agent: null, approvals, via: "auto" };
    case "acp":
      return { kind, slots: null, command: null, cwd: null, env: {}, approvals };
    case "command":
      return { kind, slots: null, command: [], cwd: null, env: {}, input: "stdin", output: "text" };
  }
}

/** What was said of the gateway is said of the first of the list; only `openai` has a model to choose. */
function withGateway(wishes: readonly RuntimeWish[], gateway: Gateway): readonly RuntimeWish[] {
  const first = wishes.findIndex((wish) => "endpoint" in wish);
  return wishes.map((wish, index) => {
    if (!("endpoint" in wish)) return wish;
    const model = gateway.model ?? ("model" in wish ? wish.model : null);
    const named = "model" in wish ? { ...wish, model } : wish;
    if (index !== first) return named;
    return { ...named, endpoint: gateway.endpoint ?? named.endpoint, token: gateway.token ?? named.token };
  });
}

function withFlags(wishes: readonly RuntimeWish[], flags: RuntimeFlags): readonly RuntimeWish[] {
  const { command, approvals } = flags;
  if (approvals !== null && !wishes.some((wish) => "approvals" in wish)) {
    throw new MeshError("USAGE", "--approvals is for the runtimes zeroclaw and acp; this node has neither.");
  }
  const program = wishes.findIndex((wish) => "command" in wish);
  if (command !== null && program === -1) {
    throw new MeshError(
      "USAGE",
      "--runtime-command is for the runtimes acp and command; this node has neither.",
      {
        hint: 'Name it, too, such as: --runtime acp --runtime-command "openclaw acp"',
      },
    );
  }
  const said = wishes.map((wish, index) => {
    const started = index === program && command !== null && "command" in wish ? { ...wish, command } : wish;
    return approvals !== null && "approvals" in started ? { ...started, approvals } : started;
  });
  if (said.some((wish) => wish.kind === "command" && wish.command.length === 0)) {
    throw new MeshError("USAGE", 'The runtime "command" needs the program that answers.', {
      hint: 'Give it with --runtime-command "program argument …".',
    });
  }
  return said;
}

/**
 * A runtime as it was typed.
 * @throws MeshError USAGE for a word that is none
 */
export function parseRuntimeChoice(word: string, unknown: (word: string) => string): RuntimeChoice {
  const choice = RuntimeChoice.safeParse(word);
  if (choice.success) return choice.data;
  throw new MeshError("USAGE", `${unknown(word)} ${[...RuntimeKind.options, "auto"].join(", ")}`);
}

/**
 * The runtimes of one node as they were typed: each kind once, and `auto` by itself.
 * @throws MeshError USAGE
 */
export function parseRuntimeChoices(
  words: readonly string[],
  unknown: (word: string) => string,
): readonly RuntimeChoice[] {
  const choices = words.map((word) => parseRuntimeChoice(word, unknown));
  const twice = choices.find((choice, index) => choices.indexOf(choice) !== index);
  if (twice !== undefined) {
    throw new MeshError("USAGE", `--runtime: "${twice}" is there twice; a node has each kind once.`, {
      hint: "A second one is a node of its own, with another --name.",
    });
  }
  if (choices.length > 1 && choices.includes("auto")) {
    throw new MeshError("USAGE", '--runtime: "auto" finds one runtime and stands by itself.', {
      hint: "Name all runtimes that the node is to have.",
    });
  }
  return choices;
}

/** @throws MeshError USAGE for one that is no command */
export function parseRuntimeCommand(text: string): readonly string[] {
  const words = splitCommand(text);
  if (words !== null) return words;
  throw new MeshError(
    "USAGE",
    "--runtime-command: a program and its arguments, with every quotation ended.",
    {
      hint: 'Such as: --runtime-command "openclaw acp"',
    },
  );
}
