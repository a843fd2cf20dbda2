import { z } from "zod";
import { Name, RuntimeKind, Tag } from "../protocol/capability.ts";
import { GroupInput, RuleInput } from "../protocol/rule.ts";
import { Secret } from "../protocol/secret.ts";

const Path = z.string().min(1).max(4096);
const Token = z
  .string("must be text; put digits in quotes")
  .min(1)
  .max(512)
  .regex(/^[\x21-\x7e]+$/, "may hold visible ASCII characters only")
  .transform((text) => new Secret(text));

export const defaultPort = 9180;

/** What `node.runtime` and `--runtime` may say. */
export const RuntimeChoice = z.enum([...RuntimeKind.options, "auto"]);
export type RuntimeChoice = z.infer<typeof RuntimeChoice>;

/** Ended tasks are deleted as soon as one of the two is exceeded, oldest first. */
const Retention = z.strictObject({
  /** Since the task's end; at most ten years. */
  days: z.int().min(1, "must be at least 1: what ended today is kept").max(3650).default(30),
  /** Records in all. Below 1,000 a busy mesh would forget what its users still ask for. */
  max_tasks: z.int().min(1_000, "must be at least 1000").max(10_000_000).default(200_000),
});

/** What one client, and all together, may have open. Clients are told apart by their address; this machine has no limits of one client. */
const Limits = z.strictObject({
  /** Bytes of a request body. */
  body_bytes: z
    .int()
    .min(1024)
    .max(64 * 1024 * 1024)
    .default(1024 * 1024),
  /** Requests of one client that are not answered yet. */
  requests_per_client: z.int().min(1).max(100_000).default(512),
  /** Followed answers. */
  streams: z.int().min(1).max(100_000).default(2_000),
  streams_per_client: z.int().min(1).max(100_000).default(200),
  /** Links of nodes at one address: those behind one NAT share it. */
  links_per_client: z.int().min(1).max(100_000).default(2_000),
});

const Coordinator = z.strictObject({
  /** Address to listen on; joining from other machines needs more than loopback. */
  host: z.string().min(1).max(255).default("0.0.0.0"),
  port: z.int().min(0).max(65_535).default(defaultPort),
  /** null: taken from `<data dir>/token`, which is made when it does not exist. */
  token: Token.nullable().default(null),
  /** Lets the coordinator call nodes at private addresses (direct transport). */
  allow_private: z.boolean().default(false),
  /** null: CLAW_MESH_HOME, else `~/.claw-mesh`. */
  data_dir: Path.nullable().default(null),
  /** What is offered as seed; null: where OpenClaw keeps them. */
  workspace_dir: Path.nullable().default(null),
  openclaw_config: Path.nullable().default(null),
  /** Offer this machine's OpenClaw configuration (without secrets) and workspace files to the nodes. */
  seed: z.boolean().default(false),
  retention: Retention.prefault({}),
  /** Names, beside this machine's own, that browsers may call the coordinator by. */
  allowed_hosts: z.array(z.string().min(1).max(255)).max(64).default([]),
  limits: Limits.prefault({}),
});

const Gateway = z.strictObject({
  endpoint: z.string().min(1).max(512).nullable().default(null),
  token: Token.nullable().default(null),
  /** Seconds; null: only the task's own limit counts. */
  timeout: z.number().positive().max(604_800).nullable().default(null),
  /** Only for `openai`; null: the first of the server's list that chats. */
  model: z.string().min(1).max(256).nullable().default(null),
  /** Look for a gateway on this machine when no endpoint is given. */
  auto_discover: z.boolean().default(true),
});

const ApprovalPolicy = z.enum(["deny", "fail", "allow"]);

/** A program and its arguments; started without a shell. */
const ProgramCommand = z
  .array(z.string().min(1).max(4096), "must be a list: a program and its arguments")
  .min(1)
  .max(64);

const ProgramFields = {
  /** null: a folder of its own below the data directory. */
  cwd: Path.nullable().default(null),
  /** Variables beside those of the node agent. */
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      z
        .string()
        .max(32_768)
        .transform((text) => new Secret(text)),
    )
    .default({}),
};

/** Attempts at once; null: what the runtime tells, else 4. */
const RuntimeSlots = z.int().min(1).max(10_000).nullable().default(null);

const Endpoint = z.string().min(1).max(512);

/** One runtime of this node. `node.runtime` with `node.gateway` is the short form for a single one. */
const RuntimeEntry = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({ kind: z.literal("echo"), slots: RuntimeSlots }),
    z.strictObject({
      kind: z.literal("openclaw"),
      slots: RuntimeSlots,
      endpoint: Endpoint.nullable().default(null),
      token: Token.nullable().default(null),
    }),
    z.strictObject({
      kind: z.literal("openai"),
      slots: RuntimeSlots,
      endpoint: Endpoint.nullable().default(null),
      token: Token.nullable().default(null),
      model: z.string().min(1).max(256).nullable().default(null),
      /** How the server keeps a conversation. */
      sessions: z.enum(["auto", "history", "body", "header", "responses"]).default("auto"),
    }),
    z.strictObject({
      kind: z.literal("zeroclaw"),
      slots: RuntimeSlots,
      endpoint: Endpoint.nullable().default(null),
      token: Token.nullable().default(null),
      /** Alias of its agent; null: `default`. */
      agent: z
        .string()
        .regex(/^[a-z0-9_]{1,64}$/)
        .nullable()
        .default(null),
      approvals: ApprovalPolicy.default("deny"),
      via: z.enum(["auto", "socket", "webhook"]).default("auto"),
    }),
    z.strictObject({
      kind: z.literal("acp"),
      slots: RuntimeSlots,
      /** null: an agent that is found on this machine. */
      command: ProgramCommand.nullable().default(null),
      ...ProgramFields,
      approvals: ApprovalPolicy.default("deny"),
    }),
    z.strictObject({
      kind: z.literal("command"),
      slots: RuntimeSlots,
      command: ProgramCommand,
      ...ProgramFields,
      input: z.enum(["stdin", "argument"]).default("stdin"),
      output: z.enum(["text", "json-lines"]).default("text"),
    }),
  ],
  { error: `must be a map with a kind, which is one of ${RuntimeKind.options.join(", ")}` },
);

/** A kind alone is an entry without further settings: so a variable can name several. */
const NodeRuntime = z.preprocess(
  (entry) => (typeof entry === "string" ? { kind: entry } : entry),
  RuntimeEntry,
);
export type NodeRuntime = z.infer<typeof NodeRuntime>;

/** Each kind once: what a message requires names one runtime of a node. */
const NodeRuntimes = z
  .array(NodeRuntime)
  .max(RuntimeKind.options.length)
  .superRefine((runtimes, context) => {
    for (const [index, { kind }] of runtimes.entries()) {
      if (runtimes.findIndex((other) => other.kind === kind) === index) continue;
      const message = `"${kind}" is there twice; a node has each kind once`;
      context.addIssue({ code: "custom", path: [index, "kind"], message });
    }
  });

const Node = z.strictObject({
  /** null: the host name. */
  name: Name.nullable().default(null),
  tags: z.array(Tag).max(64).default([]),
  endpoint: z.string().min(1).max(256).nullable().default(null),
  /** null: what the runtime says, else 4. */
  slots: z.int().min(1).max(10_000).nullable().default(null),
  runtime: RuntimeChoice.default("auto"),
  /** Several runtimes, each kind once; not empty: `runtime` and `gateway` do not count. */
  runtimes: NodeRuntimes.default([]),
  /** Keep the gateways of this node alive: start them, and start them again when they end. */
  supervise: z.boolean().default(false),
  /** Take over configuration and workspace files from the coordinator's machine, where it offers them. */
  sync_config: z.boolean().default(false),
  gateway: Gateway.prefault({}),
});

const Tls = z.strictObject({
  enabled: z.boolean().default(false),
  cert_file: Path.nullable().default(null),
  key_file: Path.nullable().default(null),
  /** Authority (PEM) that a coordinator's certificate has to come from, for `join` and all commands; null: this machine's own coordinator, then the system's list. */
  ca_file: Path.nullable().default(null),
});

const LogSettings = z.strictObject({
  format: z.enum(["text", "json"]).default("text"),
  level: z.enum(["debug", "info", "warn", "error"]).default("info"),
});

/** Everything `claw-mesh.yaml` may say. docs/reference/configuration.md explains it. */
export const Config = z.strictObject({
  coordinator: Coordinator.prefault({}),
  node: Node.prefault({}),
  tls: Tls.prefault({}),
  log: LogSettings.prefault({}),
  /** Come before the rules added later and are read-only. */
  rules: z.array(RuleInput).max(10_000).default([]),
  groups: z.record(Name, GroupInput).default({}),
});
export type Config = z.infer<typeof Config>;

/** A scalar or list of the configuration that a variable can set. */
export interface ConfigLeaf {
  /** `coordinator.port` */
  readonly path: string;
  /** `CLAW_MESH_COORDINATOR_PORT` */
  readonly variable: string;
  readonly kind: "number" | "boolean" | "text" | "list";
}

/** All leaves of the sections that are plain settings; rules and groups have no variables. */
export function listConfigLeaves(): readonly ConfigLeaf[] {
  return (["coordinator", "node", "tls", "log"] as const).flatMap((section) =>
    leavesOf(Config.shape[section], section),
  );
}

/**
 * The keys that may stand at this place, or an empty list where keys are free or there are none.
 * @param value what stands there, where it decides which keys may
 */
export function keysAt(path: readonly PropertyKey[], value?: unknown): readonly string[] {
  let schema: z.core.$ZodType | undefined = Config;
  for (const step of path) {
    const here: z.core.$ZodType = unwrap(schema);
    if (here instanceof z.ZodObject) schema = (here.shape as Record<string, z.core.$ZodType>)[String(step)];
    else if (here instanceof z.ZodArray) schema = here.element;
    else if (here instanceof z.ZodRecord) schema = here.valueType;
    else return [];
    if (schema === undefined) return [];
  }
  const here = optionFor(unwrap(schema), value);
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

/** Of a union the one whose kind the value has. */
function optionFor(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const kind = typeof value === "object" && value !== null && "kind" in value ? value.kind : null;
  return schema.options.find((option) => Object.is(kindOf(option), kind)) ?? schema;
}

function kindOf(option: z.core.$ZodType): unknown {
  const field = option instanceof z.ZodObject ? (option.shape as Record<string, unknown>).kind : null;
  return field instanceof z.ZodLiteral ? field.value : null;
}

function leavesOf(schema: z.core.$ZodType, path: string): readonly ConfigLeaf[] {
  const here = unwrap(schema);
  if (here instanceof z.ZodObject) {
    return Object.entries(here.shape as Record<string, z.core.$ZodType>).flatMap(([key, field]) =>
      leavesOf(field, `${path}.${key}`),
    );
  }
  return [{ path, variable: `CLAW_MESH_${path.replaceAll(".", "_").toUpperCase()}`, kind: leafKind(here) }];
}

function leafKind(schema: z.core.$ZodType): ConfigLeaf["kind"] {
  if (schema instanceof z.ZodNumber) return "number";
  if (schema instanceof z.ZodBoolean) return "boolean";
  return schema instanceof z.ZodArray ? "list" : "text";
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let here = schema;
  while (
    here instanceof z.ZodDefault ||
    here instanceof z.ZodPrefault ||
    here instanceof z.ZodOptional ||
    here instanceof z.ZodNullable
  ) {
    here = here.unwrap();
  }
  // What is done to a value before it is read changes no key.
  if (here instanceof z.ZodPipe && here.in instanceof z.ZodTransform) return unwrap(here.out);
  return here;
}
