import { z } from "zod";

/** What an error of the catalogue means to HTTP and to the shell. */
interface ErrorEntry {
  readonly status: number;
  /** Exit code of the command line: 1 failed, 2 usage, 3 cannot reach, 4 not allowed, 5 not found, 6 no node fits. */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6;
  /** What to do next, when the place that raises the error has nothing more exact to say. */
  readonly hint: string;
}

/** Every error that leaves this program has a code of this table. docs/reference/errors.md is checked against it. */
export const errorCatalogue = {
  // requests
  BODY_NOT_JSON: { status: 400, exit: 2, hint: "Send a JSON object as the body." },
  BODY_INVALID: { status: 400, exit: 2, hint: "Compare the body with /api/v1/openapi.json." },
  BODY_TOO_LARGE: {
    status: 413,
    exit: 2,
    hint: "Send less; the limit is 1 MiB unless configured otherwise.",
  },
  QUERY_INVALID: { status: 400, exit: 2, hint: "Compare the query with /api/v1/openapi.json." },
  ROUTE_NOT_FOUND: { status: 404, exit: 5, hint: "See /api/v1/openapi.json for all paths." },
  METHOD_NOT_ALLOWED: { status: 405, exit: 2, hint: "The Allow header lists the methods of this path." },
  UPGRADE_REQUIRED: { status: 426, exit: 2, hint: "Open this path as a WebSocket." },
  // who may
  TOKEN_MISSING: {
    status: 401,
    exit: 4,
    hint: "Send Authorization: Bearer <token>, or use --token or CLAW_MESH_TOKEN.",
  },
  TOKEN_INVALID: {
    status: 401,
    exit: 4,
    hint: "Check the token; on the coordinator's machine it is in <data dir>/token.",
  },
  SCOPE_MISSING: {
    status: 403,
    exit: 4,
    hint: "Use a token with that scope; who has the scope admin makes one with: claw-mesh token create",
  },
  TOO_MANY_TRIES: {
    status: 429,
    exit: 4,
    hint: "Wait for the time in Retry-After, then try with a token that is good.",
  },
  RATE_LIMITED: {
    status: 429,
    exit: 1,
    hint: "Wait for the time in Retry-After; the limit is a property of the token.",
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    exit: 1,
    hint: "Have fewer requests open at once, or raise coordinator.limits.",
  },
  HOST_INVALID: {
    status: 400,
    exit: 2,
    hint: "Send one Host header: a name or address, and perhaps a port.",
  },
  HOST_NOT_ALLOWED: {
    status: 421,
    exit: 4,
    hint: "Call the coordinator by its address, or add the name to coordinator.allowed_hosts.",
  },
  ORIGIN_NOT_ALLOWED: {
    status: 403,
    exit: 4,
    hint: "Use the pages of the coordinator itself, or a bearer token instead of a cookie.",
  },
  TOKEN_NOT_FOUND: { status: 404, exit: 5, hint: "List the tokens with: claw-mesh token list" },
  INVITE_NOT_FOUND: { status: 404, exit: 5, hint: "List the invites with: claw-mesh invite list" },
  REFUSED_BY_RULE: {
    status: 403,
    exit: 4,
    hint: "A rule of this mesh refuses such messages; who may read the mesh sees why: claw-mesh route explain <message>",
  },
  INVITE_INVALID: { status: 401, exit: 4, hint: "Ask for a new one with: claw-mesh invite" },
  // things
  NODE_NOT_FOUND: { status: 404, exit: 5, hint: "List the nodes with: claw-mesh nodes" },
  NODE_OFFLINE: { status: 502, exit: 1, hint: "Start it with: claw-mesh join <url>, or send with --auto." },
  NODE_ALREADY_LINKED: {
    status: 409,
    exit: 1,
    hint: "Stop the other agent of this node, or join with another --name.",
  },
  NODE_LOCKED: {
    status: 409,
    exit: 1,
    hint: "Stop the other agent on this machine first, or use another --name.",
  },
  MESH_FULL: {
    status: 503,
    exit: 1,
    hint: "Remove nodes that will not come back with: claw-mesh node remove <name>",
  },
  NAME_TAKEN: {
    status: 409,
    exit: 1,
    hint: "Choose another --name; node and group names share one namespace.",
  },
  RULE_NOT_FOUND: { status: 404, exit: 5, hint: "List the rules with: claw-mesh route list" },
  RULE_READ_ONLY: { status: 409, exit: 1, hint: "It comes from the configuration file: change it there." },
  RULE_INVALID: { status: 400, exit: 2, hint: "See docs/reference/configuration.md, section rules." },
  GROUP_NOT_FOUND: { status: 404, exit: 5, hint: "List the groups with: claw-mesh group list" },
  GROUP_READ_ONLY: { status: 409, exit: 1, hint: "It comes from the configuration file: change it there." },
  TASK_NOT_FOUND: {
    status: 404,
    exit: 5,
    hint: "Check the id; a token without the scope read sees its own messages only.",
  },
  TASK_NOT_ENDED: { status: 409, exit: 1, hint: "Cancel it first, or wait for its end." },
  TASK_NOT_FAILED: { status: 409, exit: 1, hint: "Only failed tasks are dead letters." },
  TASK_ALREADY_RETRIED: {
    status: 409,
    exit: 1,
    hint: "Follow the task that runs it again (retried_as), or retry that one.",
  },
  ENDPOINT_REFUSED: {
    status: 400,
    exit: 2,
    hint: "Give an address the coordinator can reach as host:port; private ones need claw-mesh up --allow-private.",
  },
  IDEMPOTENCY_CONFLICT: { status: 409, exit: 1, hint: "Use a new Idempotency-Key for another message." },
  // messages
  NO_NODE_FITS: { status: 503, exit: 6, hint: "See why with: claw-mesh route explain <message>" },
  QUEUE_FULL: { status: 503, exit: 1, hint: "Try again after the time in Retry-After." },
  MESSAGE_TIMEOUT: { status: 504, exit: 1, hint: "Give it more time with timeout_s (--timeout)." },
  OUTCOME_UNKNOWN: {
    status: 502,
    exit: 1,
    hint: "The machine may have done the work. Look there, then send again; with effects=safe it is tried elsewhere by itself.",
  },
  RUNTIME_FAILED: {
    status: 502,
    exit: 1,
    hint: "Look at the runtime on that node: claw-mesh nodes, claw-mesh doctor.",
  },
  MESSAGE_REFUSED: {
    status: 503,
    exit: 1,
    hint: "Every candidate refused it; see the attempts of the task.",
  },
  ANSWER_TOO_LARGE: { status: 502, exit: 1, hint: "Answers are limited to 8 MiB; ask for a file instead." },
  MESSAGE_CANCELLED: { status: 409, exit: 1, hint: "Send it again if it is still wanted." },
  MESSAGE_EXPIRED: {
    status: 410,
    exit: 1,
    hint: "Send it again with a later expires_at. Its history tells what it waited for, and whether it was tried.",
  },
  // this process and its surroundings
  COORDINATOR_UNREACHABLE: {
    status: 502,
    exit: 3,
    hint: "Is it running? Check --coordinator and: claw-mesh doctor",
  },
  COORDINATOR_STOPPING: { status: 503, exit: 1, hint: "Try again in a few seconds." },
  NOT_A_COORDINATOR: {
    status: 502,
    exit: 3,
    hint: "Something else answers at this address; check --coordinator and proxies.",
  },
  PROXY_IN_THE_WAY: { status: 502, exit: 3, hint: "Add the coordinator to NO_PROXY, or unset HTTP_PROXY." },
  TLS_NOT_TRUSTED: {
    status: 502,
    exit: 3,
    hint: "Give the coordinator's authority with --ca, or join with an invite: it carries the pin.",
  },
  TLS_PIN_MISMATCH: {
    status: 502,
    exit: 4,
    hint: "Somebody else answers at this address, or the coordinator has a new key: ask for a new invite there.",
  },
  TLS_INVALID: { status: 500, exit: 2, hint: "Check --cert and --key: PEM files that belong together." },
  VERSION_UNSUPPORTED: {
    status: 426,
    exit: 1,
    hint: "Bring coordinator and node to versions that share a link protocol.",
  },
  STORE_UNAVAILABLE: {
    status: 503,
    exit: 1,
    hint: "Look at the disk of the coordinator: space, permissions, health.",
  },
  STORE_TOO_NEW: {
    status: 500,
    exit: 1,
    hint: "A newer claw-mesh wrote this database: update, or restore the backup beside it.",
  },
  STORE_CORRUPT: { status: 500, exit: 1, hint: "Restore the newest backup beside the database." },
  DATA_DIR_LOCKED: { status: 409, exit: 1, hint: "Stop the other coordinator, or use another --data-dir." },
  DATA_DIR_UNUSABLE: {
    status: 500,
    exit: 1,
    hint: "Make the directory writable for this user, or use --data-dir.",
  },
  FILE_UNSAFE: {
    status: 500,
    exit: 1,
    hint: "Make it yours alone (chmod 600 for a file, 700 for a folder, no symbolic link), or use another --data-dir.",
  },
  CANNOT_LISTEN: {
    status: 500,
    exit: 1,
    hint: "Choose another --host or --port; ports below 1024 need rights of their own.",
  },
  PORT_IN_USE: {
    status: 500,
    exit: 1,
    hint: "Choose another port with --port, or stop the program that has it.",
  },
  CONFIG_INVALID: { status: 500, exit: 2, hint: "See docs/reference/configuration.md." },
  FILE_EXISTS: { status: 409, exit: 1, hint: "Use --force to overwrite." },
  RUNTIME_NOT_FOUND: {
    status: 502,
    exit: 1,
    hint: "Start the runtime first, name it with --runtime, have one installed with --auto-install, or use --no-gateway.",
  },
  RUNTIME_NOT_RUNNING: {
    status: 409,
    exit: 1,
    hint: "Start it with: claw-mesh runtime start <runtime>",
  },
  RUNTIME_START_FAILED: {
    status: 502,
    exit: 1,
    hint: "See what it wrote with: claw-mesh runtime logs <runtime>",
  },
  RUNTIME_INSTALL_FAILED: {
    status: 502,
    exit: 1,
    hint: "See every step with --dry-run, and do the failed one by hand.",
  },
  RUNTIME_UNSUPPORTED: {
    status: 500,
    exit: 1,
    hint: "Choose another runtime with --runtime; claw-mesh runtime list tells what this machine can have.",
  },
  PROVIDER_KEY_MISSING: {
    status: 400,
    exit: 2,
    hint: "Give the key of the model provider with --api-key-file, or in CLAW_MESH_API_KEY.",
  },
  DOWNLOAD_FAILED: {
    status: 502,
    exit: 3,
    hint: "Check the network and HTTPS_PROXY, then run the same command again: it goes on where it stopped.",
  },
  CHECKSUM_MISMATCH: {
    status: 502,
    exit: 1,
    hint: "What was downloaded is not what was published; nothing was unpacked. Try again, and do not use it when it stays so.",
  },
  DISK_FULL: { status: 507, exit: 1, hint: "Free some space, then run the same command again." },
  SERVICE_UNAVAILABLE: {
    status: 500,
    exit: 1,
    hint: "Start it by hand, or with the service manager of this machine; claw-mesh service install --dry-run prints the unit.",
  },
  SERVICE_FAILED: { status: 500, exit: 1, hint: "See what it wrote with: claw-mesh service logs" },
  SERVICE_NOT_INSTALLED: { status: 404, exit: 5, hint: "Install it with: claw-mesh service install" },
  SEED_NOT_FOUND: {
    status: 404,
    exit: 5,
    hint: "The coordinator's machine has no such files; see coordinator.openclaw_config and coordinator.workspace_dir.",
  },
  USAGE: { status: 400, exit: 2, hint: "See: claw-mesh --help" },
  INTERNAL: {
    status: 500,
    exit: 1,
    hint: "This is a fault of claw-mesh; report it with the request id and the log.",
  },
} as const satisfies Record<string, ErrorEntry>;

export const ErrorCode = z.enum(Object.keys(errorCatalogue) as [keyof typeof errorCatalogue]);
export type ErrorCode = keyof typeof errorCatalogue;

/** The body of every error answer. */
export const ErrorBody = z.object({
  error: z.string(),
  code: ErrorCode,
  hint: z.string(),
  request_id: z.string(),
  /** Machine-readable facts of some codes, such as `issues` of BODY_INVALID or `decision` of NO_NODE_FITS. */
  details: z.record(z.string(), z.unknown()).optional(),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

/** Characters of a message or hint: what it repeats of a request, a file or a peer is cut there. */
export const maxErrorTextChars = 4000;

/** Problems that one error names, and characters of each. */
export const maxIssues = 20;
export const maxIssueChars = 200;

interface MeshErrorOptions {
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An error that a user may see. The message says what happened to which thing and holds no secret; the hint says what
 * to do next. Anything else that is thrown is a fault of this program and shown as INTERNAL.
 */
export class MeshError extends Error {
  override readonly name = "MeshError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: MeshErrorOptions = {}) {
    super(
      cutText(message, maxErrorTextChars),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.hint = cutText(options.hint ?? errorCatalogue[code].hint, maxErrorTextChars);
    this.details = options.details;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get exitCode(): number {
    return errorCatalogue[this.code].exit;
  }
}

/**
 * One line per problem, with the path to it: `rules.0.strategy: unknown strategy "fast"`. The first {@link maxIssues},
 * each cut at {@link maxIssueChars}: keys of the input, of any length, are part of them.
 */
export function issueLines(error: z.ZodError): readonly string[] {
  return error.issues.slice(0, maxIssues).map((issue) => {
    const path = issue.path.map((step) => cutText(String(step), maxIssueChars)).join(".");
    return cutText(path === "" ? issue.message : `${path}: ${issue.message}`, maxIssueChars);
  });
}

/** A text of at most so many UTF-16 code units; the last one shows that something is missing. */
export function cutText(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const kept = text.slice(0, maxChars - 1);
  // Half of a character that takes two.
  return `${kept.isWellFormed() ? kept : kept.slice(0, -1)}…`;
}
