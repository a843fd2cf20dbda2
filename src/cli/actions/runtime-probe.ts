import { silentLog } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { DetectedRuntime, ProbedRuntime } from "../../provision/index.ts";
import { loadCliConfig } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printResult } from "../print.ts";
import { whereText } from "../render/runtimes.ts";
import { toSafeLine } from "../render/safe-text.ts";
import { toDetectDeps } from "./runtime-list.ts";

const notReadyExit = 1;
const nothingExit = 5;

/** Exit codes: 0 it takes messages, 1 it does not, 5 there is nothing of the name, or at the address. */
export async function probeRuntime(
  this: CliContext,
  _flags: Readonly<Record<never, never>>,
  runtime?: string,
): Promise<void> {
  const result = await findAndAsk(this, runtime);
  printResult(this, result, () => renderResult(this, result));
  if (!result.found) this.endWith(nothingExit);
  else if (!result.ready) this.endWith(notReadyExit);
}

interface ProbeResult {
  readonly found: boolean;
  readonly ready: boolean;
  /** What people call it. */
  readonly name: string;
  readonly kind: string | null;
  /** Address, command or program. */
  readonly location: string | null;
  readonly version: string | null;
  /** Why it is not ready. */
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly slots: number | null;
  readonly active: number | null;
  readonly queued: number | null;
}

async function findAndAsk(context: CliContext, word: string | undefined): Promise<ProbeResult> {
  const deps = { ...toDetectDeps(context, await loadCliConfig(context)), log: silentLog };
  const { chooseDetected, detectRuntimes, probeAddress, probeDetected } = await import(
    "../../provision/index.ts"
  );
  if (word !== undefined && isAddress(word)) {
    try {
      return toResult(await probeAddress(word, deps.gatewayToken ?? null, deps), null);
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== "RUNTIME_NOT_FOUND") throw error;
      return { ...nothing(word, error.message), remedy: error.hint };
    }
  }
  const detected = await detectRuntimes(deps);
  const found = word === undefined ? chooseDetected(detected, null).chosen : matchName(detected, word);
  const { probe } = context.texts.runtimes;
  if (found === null) {
    const reason = word === undefined ? probe.nothingAtAll : probe.nothing(word);
    return { ...nothing(word ?? "auto", reason), remedy: probe.nothingHint };
  }
  // One that does not run, or lacks its bridge, cannot be asked; what detection says of it is all that there is.
  const canAsk = found.state !== "stopped" && (found.kind !== "acp" || found.command !== null);
  return canAsk ? toResult(await probeDetected(found, deps), found) : toStopped(found);
}

/** `host:port`, a URL, an IP address; names of runtimes look like none of them. */
function isAddress(word: string): boolean {
  return /[:/]|^\d+\.\d+\.|^localhost$/.test(word);
}

/** By kind, product or program: `openclaw`, `ollama`, `claude`. One that is ready first, then in the order of preference. */
function matchName(detected: readonly DetectedRuntime[], word: string): DetectedRuntime | null {
  const wanted = word.toLowerCase();
  const fitting = detected.filter(
    ({ kind, product, program }) =>
      kind === wanted ||
      product.toLowerCase().startsWith(wanted) ||
      program?.split(/[\\/]/).at(-1) === wanted,
  );
  return fitting.find(({ state }) => state === "ready") ?? fitting[0] ?? null;
}

function toResult(
  { kind, location, status, slots }: ProbedRuntime,
  found: DetectedRuntime | null,
): ProbeResult {
  const { ready, reason, active, queued } = status;
  return {
    found: true,
    ready,
    name: found?.product ?? kind,
    kind,
    location,
    version: status.version ?? found?.version ?? null,
    reason,
    remedy: ready ? null : (found?.problem?.remedy ?? null),
    slots,
    active,
    queued,
  };
}

function toStopped(found: DetectedRuntime): ProbeResult {
  const { product, kind, version, problem } = found;
  return {
    ...nothing(product, problem?.message ?? ""),
    found: true,
    kind,
    location: whereText(found),
    version,
    remedy: problem?.remedy ?? null,
  };
}

function nothing(name: string, reason: string): ProbeResult {
  const unknown = { kind: null, location: null, version: null, slots: null, active: null, queued: null };
  return { found: false, ready: false, name, ...unknown, reason, remedy: null };
}

function renderResult({ texts }: CliContext, result: ProbeResult): string {
  const { probe } = texts.runtimes;
  const { active, queued, slots, remedy } = result;
  const name = toSafeLine([result.name, result.version].filter((part) => part !== null).join(" "));
  const where = toSafeLine(result.location ?? "-");
  const reason = toSafeLine(result.reason ?? "");
  const lines = [
    !result.found ? reason : result.ready ? probe.ready(name, where) : probe.notReady(name, where, reason),
    ...(active === null || queued === null ? [] : [probe.load(active, queued)]),
    ...(slots === null ? [] : [probe.slots(slots)]),
    ...(remedy === null ? [] : [probe.remedy(toSafeLine(remedy))]),
  ];
  return lines.join("\n");
}
