import { fromIsoTime } from "../../platform/clock.ts";
import { isLoopbackHost, proxyVariables } from "../../platform/http-fetch.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract, type Health } from "../../protocol/http/contract.ts";
import type { NodeInfo } from "../../protocol/node.ts";
import { checkCertificate } from "../check-certificate.ts";
import { type Connection, connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { type Colour, createPaint } from "../render/paint.ts";
import { toSafeLine, toSafeText } from "../render/safe-text.ts";

type CheckName = keyof CliContext["texts"]["doctor"]["checks"];

interface Check {
  readonly check: CheckName;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  readonly remedy: string | null;
}

/** A difference of clocks from which on times in logs and expiries start to mislead. */
const maxClockSkewS = 5;
const timeoutMs = 5000;

export interface DoctorFlags {
  /** File of the support bundle. */
  readonly bundle?: string;
  readonly log?: string;
}

/** Checks the way to the mesh, one line each. Sets exit code 1 when a check failed. */
export async function runDoctor(this: CliContext, flags: DoctorFlags): Promise<void> {
  const { bundle: file, log } = flags;
  if (log !== undefined && file === undefined)
    throw new MeshError("USAGE", this.texts.support.logWithoutBundle);
  const checks = await runChecks(this);
  if (file !== undefined) {
    const { writeSupportBundle } = await import("./support-bundle.ts");
    await writeSupportBundle(this, { file, logFile: log ?? null, checks });
    printNote(this, this.texts.support.written(file));
  }
  printResult(this, { ok: checks.every(({ status }) => status !== "failed"), checks }, () =>
    renderChecks(this, checks),
  );
  if (checks.some(({ status }) => status === "failed")) this.endWith(1);
}

async function runChecks(context: CliContext): Promise<readonly Check[]> {
  const version = ok("version", `claw-mesh ${context.version}`);
  let connection: Connection;
  try {
    connection = await connect(context);
  } catch (error) {
    return [version, failed("configuration", error)];
  }
  const certificate = await checkCertificate(context, connection);
  const reach = await checkCoordinator(context, connection);
  const access = reach.health === null ? null : await checkAccess(context, connection);
  return [
    version,
    ...checkConfiguration(context, connection),
    checkProxy(context, connection),
    ...(certificate === null ? [] : [{ check: "certificate" as const, ...certificate }]),
    reach.check,
    access?.check ?? skipped(context, "token"),
    reach.clock ?? skipped(context, "clock"),
    checkVersion(context, reach.health),
    ...(access?.nodes === undefined
      ? [skipped(context, "runtime", access?.skipReason)]
      : checkRuntimes(context, access.nodes)),
  ];
}

function checkConfiguration({ texts }: CliContext, { config }: Connection): readonly Check[] {
  const { doctor } = texts;
  const passedOver = config.skipped.map(({ path, reason, isForeign }) =>
    isForeign
      ? warning("configuration", doctor.foreignFile(path, reason), doctor.foreignFileRemedy)
      : warning("configuration", doctor.skippedFile(path, reason), doctor.skippedFileRemedy),
  );
  return [describeFile(texts, config), ...passedOver];
}

function describeFile({ doctor }: CliContext["texts"], { file, foreignHand }: Connection["config"]): Check {
  if (file === null) return ok("configuration", doctor.noFile);
  if (foreignHand === null) return ok("configuration", doctor.file(file));
  return warning("configuration", doctor.namedForeignFile(file, foreignHand), doctor.namedForeignFileRemedy);
}

function checkProxy({ texts, env }: CliContext, { proxyUrl, url }: Connection): Check {
  const variables = Object.entries(proxyVariables(env)).map(([name, value]) => `${name}=${value}`);
  if (proxyUrl !== null) {
    const shown = proxyUrl.replace(/\/\/[^@/]*@/, "//***@");
    return warning("proxy", texts.doctor.proxyUsed(shown), texts.doctor.proxyRemedy(new URL(url).hostname));
  }
  return ok(
    "proxy",
    variables.length === 0 ? texts.doctor.noProxy : texts.doctor.proxyNotUsed(variables.join(", ")),
  );
}

interface Reach {
  readonly check: Check;
  readonly health: Health | null;
  readonly clock: Check | null;
}

async function checkCoordinator(context: CliContext, { client, url }: Connection): Promise<Reach> {
  const startedMs = context.clock.monotonicMs();
  try {
    const { answer, headers } = await client.request(contract.getHealth, {}, { timeoutMs });
    const elapsedMs = context.clock.monotonicMs() - startedMs;
    return {
      check: ok("coordinator", context.texts.doctor.reached(url, Math.round(elapsedMs))),
      health: answer,
      clock: checkClock(context, headers.get("date"), elapsedMs),
    };
  } catch (error) {
    const check = failed("coordinator", error);
    // The hint of the catalogue leads to this very command.
    const isUnreachable = error instanceof MeshError && error.code === "COORDINATOR_UNREACHABLE";
    const remedy = isUnreachable
      ? context.texts.doctor.notReachedRemedy(isLoopbackHost(new URL(url).hostname))
      : check.remedy;
    return { check: { ...check, remedy }, health: null, clock: null };
  }
}

/** The Date header has whole seconds, taken somewhere within the exchange. */
function checkClock({ texts, clock }: CliContext, date: string | null, elapsedMs: number): Check {
  if (date === null) return warning("clock", texts.doctor.noDate, texts.doctor.clockRemedy);
  const skewS = Math.max(0, Math.abs(clock.nowMs() - elapsedMs / 2 - fromIsoTime(date) - 500) - 500) / 1000;
  const message = texts.doctor.clockSkew(Math.round(skewS));
  return skewS > maxClockSkewS ? warning("clock", message, texts.doctor.clockRemedy) : ok("clock", message);
}

interface Access {
  readonly check: Check;
  readonly nodes?: readonly NodeInfo[];
  /** Why there are no nodes, where it is not that nobody answered. */
  readonly skipReason?: string;
}

async function checkAccess({ texts }: CliContext, { client, token }: Connection): Promise<Access> {
  const { doctor } = texts;
  try {
    const nodes = await client.listNodes({ timeoutMs });
    return { check: ok("token", token === null ? doctor.noToken : doctor.tokenFrom(token.origin)), nodes };
  } catch (error) {
    if (!(error instanceof MeshError) || error.exitCode !== 4) return { check: failed("token", error) };
    // A good token, for something else: one that only sends, for instance.
    if (error.code === "SCOPE_MISSING" && token !== null)
      return { check: ok("token", doctor.tokenFrom(token.origin)), skipReason: doctor.mayNotList };
    if (token === null)
      return { check: { ...failed("token", error), message: doctor.noToken, remedy: doctor.noTokenRemedy } };
    return { check: { ...failed("token", error), message: doctor.tokenRefused(token.origin) } };
  }
}

function checkVersion(context: CliContext, health: Health | null): Check {
  const { doctor } = context.texts;
  if (health === null) return skipped(context, "coordinator_version");
  if (health.version === context.version)
    return ok("coordinator_version", doctor.sameVersion(health.version));
  const message = doctor.otherVersion(toSafeLine(health.version), context.version);
  return warning("coordinator_version", message, doctor.versionRemedy);
}

function checkRuntimes({ texts }: CliContext, nodes: readonly NodeInfo[]): readonly Check[] {
  const { doctor } = texts;
  if (nodes.length === 0) return [warning("runtime", doctor.noNodes, doctor.noNodesRemedy)];
  const isReady = (node: NodeInfo) => node.status !== "offline" && node.ready;
  const readyCount = nodes.filter(isReady).length;
  const others = nodes
    .filter((node) => !isReady(node))
    .map((node) => {
      const reason =
        node.status === "offline" ? texts.decision.reasons.offline : (node.reason ?? texts.nodes.notReady);
      return warning("runtime", toSafeLine(doctor.runtimeNotReady(node.name, reason)), doctor.runtimeRemedy);
    });
  const ready = readyCount === 0 ? [] : [ok("runtime", doctor.runtimesReady(readyCount))];
  return [...ready, ...checkEchoes({ texts }, nodes.filter(isReady)), ...others];
}

/** Echo nodes take their share of the messages, and more: they are the quickest. Beside an AI that is not wanted. */
function checkEchoes({ texts }: Pick<CliContext, "texts">, ready: readonly NodeInfo[]): readonly Check[] {
  const { doctor } = texts;
  const isEcho = ({ runtimes }: NodeInfo) =>
    runtimes.length > 0 && runtimes.every(({ kind }) => kind === "echo");
  const echoes = ready.filter(isEcho);
  if (echoes.length === ready.length)
    return echoes.length === 0 ? [] : [warning("runtime", doctor.onlyEchoes, doctor.onlyEchoesRemedy)];
  const used = echoes.filter(({ scheduling }) => scheduling === "active");
  return used.map(({ name }) =>
    warning("runtime", toSafeLine(doctor.echoes(name)), toSafeLine(doctor.echoRemedy(name))),
  );
}

function renderChecks({ texts, stdout }: CliContext, checks: readonly Check[]): string {
  const paint = createPaint(stdout);
  const colours: Readonly<Record<Check["status"], Colour>> = {
    ok: "green",
    warning: "yellow",
    failed: "red",
    skipped: "dim",
  };
  const labels = checks.map(({ check }) => texts.doctor.checks[check]);
  const labelWidth = Math.max(...labels.map((label) => Bun.stringWidth(label)));
  const pad = (text: string, width: number) => text + " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
  const statusWidth = Math.max(...checks.map(({ status }) => Bun.stringWidth(texts.doctor[status])));
  const lines = checks.flatMap(({ check, status, message, remedy }) => {
    const word = paint(colours[status], pad(texts.doctor[status], statusWidth));
    const [first = "", ...more] = message.split("\n");
    const line = `${pad(texts.doctor.checks[check], labelWidth)}  ${word}  ${first}`.trimEnd();
    const below = remedy === null ? more : [...more, texts.doctor.remedy(remedy)];
    return [line, ...below.map((text) => `${" ".repeat(labelWidth + statusWidth + 4)}${text}`)];
  });
  return `${lines.join("\n")}\n`;
}

function ok(check: CheckName, message: string): Check {
  return { check, status: "ok", message, remedy: null };
}

function warning(check: CheckName, message: string, remedy: string): Check {
  return { check, status: "warning", message, remedy };
}

function skipped({ texts }: CliContext, check: CheckName, reason = texts.doctor.notReached): Check {
  return { check, status: "skipped", message: reason, remedy: null };
}

/** @throws the error when it is a fault of this program */
function failed(check: CheckName, error: unknown): Check {
  if (!(error instanceof MeshError)) throw error;
  return { check, status: "failed", message: toSafeText(error.message), remedy: toSafeLine(error.hint) };
}
