import type { LoadedConfig, Origin } from "../../config/load-config.ts";
import { listConfigLeaves } from "../../config/schema.ts";
import { writeFileAtomic } from "../../platform/atomic-file.ts";
import { toIsoTime } from "../../platform/clock.ts";
import { readFileTail } from "../../platform/file-tail.ts";
import { machineArch, machinePlatform } from "../../platform/machine.ts";
import { expandPath } from "../../platform/paths.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { redactValue, secretName } from "../../protocol/redact-text.ts";
import { Secret } from "../../protocol/secret.ts";
import type { TaskSummary } from "../../protocol/task.ts";
import { type Connection, connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { toFileProblem } from "../file-problem.ts";
import { toJsonText } from "../print.ts";

/** Bytes of a log that go into a bundle; the newest. */
const maxLogBytes = 512 * 1024;
/** Failed tasks that a bundle tells of, the newest. */
const maxFailures = 50;
const questionLimitMs = 5_000;

interface BundleRequest {
  /** Where to write it. */
  readonly file: string;
  /** A log of claw-mesh to take the end of; null: none. */
  readonly logFile: string | null;
  /** What `doctor` found. */
  readonly checks: readonly object[];
}

/**
 * Writes one JSON file that tells whoever helps what they need to know, and no secret and no word of any message. Only
 * its owner may read it. Parts that cannot be had say why.
 * @throws MeshError DATA_DIR_UNUSABLE when the file or the log cannot be written or read
 */
export async function writeSupportBundle(context: CliContext, request: BundleRequest): Promise<void> {
  const connection = await orProblem(() => connect(context));
  const known = knownSecrets(context, connection);
  const bundle = {
    about: "claw-mesh support bundle: no secrets, no message contents; read it before you pass it on",
    made_at: toIsoTime(context.clock.nowMs()),
    version: context.version,
    platform: { os: machinePlatform, arch: machineArch, runtime: `bun ${Bun.version}` },
    checks: request.checks,
    ...(isProblem(connection)
      ? { configuration: connection }
      : {
          configuration: describeConfig(connection.config),
          coordinator: await describeCoordinator(connection),
          nodes: await orProblem(() => connection.client.listNodes({ timeoutMs: questionLimitMs })),
          rules: await orProblem(() => countRules(connection)),
          failures: await orProblem(() => listFailures(connection)),
        }),
    environment: variableNames(context),
    log: request.logFile === null ? null : await readLog(context, request.logFile),
  };
  await save(context, request.file, toJsonText(redactValue(bundle, known)));
}

interface Problem {
  readonly problem: { readonly code: string; readonly message: string };
}

function isProblem(value: object): value is Problem {
  return "problem" in value;
}

async function orProblem<Value>(ask: () => Promise<Value>): Promise<Value | Problem> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { problem: { code: error.code, message: error.message } };
  }
}

/** Every setting with where it came from; what is secret shows only whether it is set. */
function describeConfig(config: LoadedConfig) {
  const settings = listConfigLeaves().map(({ path }) => ({
    setting: path,
    value: shown(valueAt(config.value, path)),
    origin: originText(config.originOf(path)),
  }));
  const { rules, groups } = config.value;
  return {
    file: config.file,
    skipped: config.skipped,
    data_dir: config.dataDir,
    settings,
    rules: rules.length,
    groups: Object.keys(groups).length,
  };
}

/** A bundle is text from here on. */
function shown(value: unknown): unknown {
  return value instanceof Secret ? String(value) : value;
}

function valueAt(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (here, key) =>
        typeof here === "object" && here !== null ? (here as Readonly<Record<string, unknown>>)[key] : null,
      value,
    );
}

function originText(origin: Origin): string {
  switch (origin.kind) {
    case "flag":
      return origin.flag;
    case "environment":
      return origin.variable;
    case "file":
      return `${origin.path}:${origin.line}`;
    case "default":
      return "default";
  }
}

async function describeCoordinator({ client, url, proxyUrl, token }: Connection) {
  const limit = { timeoutMs: questionLimitMs };
  return {
    url,
    proxy: proxyUrl,
    access_from: token?.origin ?? null,
    health: await orProblem(() => client.call(contract.getHealth, {}, limit)),
    readiness: await orProblem(() => client.call(contract.getReadiness, {}, limit)),
  };
}

async function countRules({ client }: Connection) {
  const rules = await client.call(contract.listRules, {}, { timeoutMs: questionLimitMs });
  return { count: rules.length };
}

/** What went wrong lately, by class: without content, answer and the runtime's own words. */
async function listFailures({ client }: Connection) {
  const failures: ReturnType<typeof toFailure>[] = [];
  const options = { timeoutMs: questionLimitMs, pageSize: maxFailures };
  for await (const task of client.tasks({ state: "failed" }, options)) {
    failures.push(toFailure(task));
    if (failures.length >= maxFailures) break;
  }
  return failures;
}

function toFailure(task: TaskSummary) {
  return {
    id: task.id,
    class: task.failure?.class ?? null,
    kind: task.failure?.kind ?? null,
    node: task.node_name,
    attempts: task.attempt_count,
    effects: task.effects,
    created_at: task.created_at,
    ended_at: task.ended_at,
    is_dead_letter: task.retried_as === null && task.discarded_at === null,
  };
}

/** Variables that this program, its proxies and its runtimes look at: their names only. */
const interestingVariable =
  /^(?:CLAW_MESH_|OPENCLAW_|ZEROCLAW_|(?:HTTPS?|ALL|NO)_PROXY$|SSL_CERT_|NODE_EXTRA_CA|LANG$|LC_|NO_COLOR$|HOME$|TMPDIR$)/i;

function variableNames({ env }: CliContext): readonly string[] {
  return Object.keys(env)
    .filter((name) => interestingVariable.test(name) && env[name] !== undefined)
    .sort();
}

/** Secrets that this process has read: they have no shape when a person chose them. */
function knownSecrets({ env }: CliContext, connection: Connection | Problem): readonly Secret[] {
  const variables = Object.entries(env)
    .filter(([name]) => secretName.test(name))
    .flatMap(([, value]) => (value === undefined || value === "" ? [] : [new Secret(value)]));
  if (isProblem(connection)) return variables;
  const { coordinator, node } = connection.config.value;
  const held = [coordinator.token, node.gateway.token, connection.token?.value ?? null];
  return [...variables, ...held.filter((secret) => secret !== null)];
}

async function readLog(context: CliContext, logFile: string): Promise<readonly string[]> {
  const path = expandPath(logFile, context);
  try {
    return (await readFileTail(path, maxLogBytes)).split("\n").filter((line) => line !== "");
  } catch (error) {
    const { noLog, noLogHint: hint } = context.texts.support;
    throw toFileProblem(error, { message: (code) => noLog(logFile, code), hint });
  }
}

async function save(context: CliContext, file: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(expandPath(file, context), text, { mode: 0o600, overwrite: true });
  } catch (error) {
    const { support, tasks } = context.texts;
    throw toFileProblem(error, { message: (code) => support.cannotWrite(file, code), hint: tasks.fileHint });
  }
}
