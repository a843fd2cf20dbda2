import { waitAtMost } from "../platform/bounded-wait.ts";
import { silentLog } from "../platform/log.ts";
import { isOpenclawGateway } from "../runtimes/gateway-probe.ts";
import { defaultOpenclawEndpoint } from "../runtimes/index.ts";
import { discoverOpenclaw } from "../runtimes/openclaw/discover.ts";
import type { RuntimeProbe } from "../runtimes/runtime.ts";
import {
  type DetectDeps,
  detectLimitMs,
  findPrograms,
  readSmallFile,
  withUserFolders,
} from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { findForeign, judgeForeign } from "./foreign-port.ts";
import { readProgramVersion, shownVersionLimitMs } from "./program-version.ts";

/**
 * Where OpenClaw's own files say that its gateway is; it need not run, nor ever have been set up. A token that was given goes
 * before theirs.
 */
export async function findOpenclawPlace({ env, home, gatewayPorts, gatewayToken = null }: DetectDeps) {
  const told = await discoverOpenclaw({ env, homeDirectory: home, readText: readSmallFile });
  const hasToken = gatewayToken !== null;
  const place = hasToken ? { ...told, token: gatewayToken, tokenProblem: null } : told;
  const isUsual = !place.hasConfig && place.url === `ws://${defaultOpenclawEndpoint}`;
  return isUsual && gatewayPorts !== undefined
    ? { ...place, url: `ws://127.0.0.1:${gatewayPorts.openclaw}` }
    : place;
}

/** OpenClaw on this machine: its program, its configuration, its gateway; null when there is none of them. */
export async function detectOpenclaw(deps: DetectDeps): Promise<DetectedRuntime | null> {
  const place = withoutLostToken(await findOpenclawPlace(deps));
  const [{ probe, foreign }, { program, version }] = await Promise.all([
    askGateway(place, deps),
    findProgram(deps),
  ]);
  const isThere = probe !== null || foreign !== null;
  if (!isThere && program === null && !place.hasConfig) return null;
  const { url: endpoint, token } = place;
  return {
    kind: "openclaw",
    product: "OpenClaw",
    version: probe?.status.version ?? version,
    program,
    endpoint: isThere || place.hasConfig ? endpoint : null,
    token,
    command: null,
    ...(foreign === null
      ? judge({ probe, place, hasProgram: program !== null })
      : judgeForeign("openclaw", endpoint, foreign)),
    foundBy: explainFind({ place, program }),
  };
}

/** The program, with its version where that is asked for. One that needs a newer Node.js than PATH has tells none itself. */
async function findProgram(
  deps: DetectDeps,
): Promise<{ readonly program: string | null; readonly version: string | null }> {
  const program = (await findPrograms(["openclaw"], deps)).get("openclaw") ?? null;
  if (program === null || deps.asksVersions === false) return { program, version: null };
  const version = await readProgramVersion([program], { ...deps, limitMs: shownVersionLimitMs });
  if (version !== null) return { program, version };
  const { findInstalled } = await import("./installed-programs.ts");
  const installed = await waitAtMost(findInstalled("openclaw", { ...deps, env: withUserFolders(deps) }), {
    clock: deps.clock,
    limitMs: detectLimitMs,
    otherwise: null,
  });
  return { program, version: installed?.version ?? null };
}

type Place = Awaited<ReturnType<typeof findOpenclawPlace>>;

/** What greets at the usual port of a machine where OpenClaw was never set up is anybody's: it gets no token. */
function withoutLostToken(place: Place): Place {
  return place.hasConfig ? place : { ...place, token: null, tokenProblem: noConfigProblem(place.url) };
}

function noConfigProblem(url: string): string {
  return `OpenClaw was never set up here, so that no token was sent; when it is yours: --runtime openclaw --gateway-endpoint ${new URL(url).host} --gateway-token …`;
}

interface Asked {
  /** What its gateway says to this node's own adapter; null when none greets at the address. */
  readonly probe: RuntimeProbe | null;
  /** Why it was not asked, although somebody is there; null: it was. */
  readonly foreign: string | null;
}

async function askGateway(place: Place, deps: DetectDeps): Promise<Asked> {
  const greets = await isOpenclawGateway(place.url, deps);
  const foreign = findForeign(place.url, { isThere: greets, isExpected: place.hasConfig });
  if (!greets || foreign !== null) return { probe: null, foreign };
  const { clock, random } = deps;
  // The client of its protocol is large, and most machines that are looked at need it not.
  const { createOpenclawRuntime } = await import("../runtimes/openclaw/index.ts");
  const runtime = createOpenclawRuntime({
    url: place.url,
    token: place.token,
    checksOwner: true,
    clock,
    random,
    log: silentLog,
  });
  try {
    return { probe: await runtime.probe(), foreign: null };
  } finally {
    await runtime.close();
  }
}

interface Evidence {
  readonly probe: RuntimeProbe | null;
  readonly place: Place;
  readonly hasProgram: boolean;
}

function judge({ probe, place, hasProgram }: Evidence): Pick<DetectedRuntime, "state" | "problem"> {
  if (probe?.status.ready === true) return { state: "ready", problem: null };
  if (probe !== null) {
    const message = probe.status.reason ?? "its gateway does not take messages";
    const remedy =
      place.tokenProblem ?? `look at its log; the token in ${place.configPath} may not be the gateway's own`;
    return { state: "not_ready", problem: { message, remedy } };
  }
  if (!place.hasConfig) {
    const message = "it was never set up";
    return { state: "stopped", problem: { message, remedy: "claw-mesh runtime install openclaw" } };
  }
  if (!hasProgram) {
    const message = `its gateway does not answer at ${place.url}, and its program is not on PATH`;
    return { state: "stopped", problem: { message, remedy: "claw-mesh runtime install openclaw" } };
  }
  const message = `its gateway does not answer at ${place.url}`;
  return { state: "stopped", problem: { message, remedy: "claw-mesh runtime start openclaw" } };
}

function explainFind({ place, program }: { readonly place: Place; readonly program: string | null }): string {
  if (place.hasConfig) return `configuration ${place.configPath}`;
  return program === null ? `answers at ${place.url}` : `program ${program}`;
}
