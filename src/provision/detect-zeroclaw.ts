import { join } from "node:path";
import { z } from "zod";
import { isZeroclawGateway } from "../runtimes/gateway-probe.ts";
import { type DetectDeps, findPrograms, readSmallFile } from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { findForeign, judgeForeign } from "./foreign-port.ts";
import { readProgramVersion, shownVersionLimitMs } from "./program-version.ts";

const usualPort = 42617;

const Config = z.object({
  gateway: z
    .object({
      port: z.int().min(1).max(65_535).optional().catch(undefined),
      path_prefix: z.string().optional().catch(undefined),
      tls: z.object({ enabled: z.boolean().optional() }).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** Where ZeroClaw's own files say that its gateway is. */
export interface ZeroclawPlace {
  /** `http://127.0.0.1:42617` */
  readonly url: string;
  readonly configPath: string;
  readonly hasConfig: boolean;
}

/**
 * Reads ZeroClaw's `config.toml` where it would itself: `ZEROCLAW_CONFIG_DIR`, `ZEROCLAW_DATA_DIR`, `ZEROCLAW_WORKSPACE`,
 * `~/.zeroclaw`. A variable `ZEROCLAW_gateway__port` goes before the file.
 */
export async function findZeroclawPlace({ env, home, gatewayPorts }: DetectDeps): Promise<ZeroclawPlace> {
  const folder = [env.ZEROCLAW_CONFIG_DIR, env.ZEROCLAW_DATA_DIR, env.ZEROCLAW_WORKSPACE].find(isSet);
  const configPath = join(folder ?? join(home, ".zeroclaw"), "config.toml");
  const text = await readSmallFile(configPath);
  const gateway = text === null ? undefined : parseConfig(text).gateway;
  const given = Number(env.ZEROCLAW_gateway__port);
  const isGiven = Number.isInteger(given) && given > 0 && given < 65_536;
  const port = isGiven ? given : (gateway?.port ?? gatewayPorts?.zeroclaw ?? usualPort);
  const scheme = gateway?.tls?.enabled === true ? "https" : "http";
  const prefix = (gateway?.path_prefix ?? "").replace(/^\/*(?=.)/, "/").replace(/\/+$/, "");
  return { url: `${scheme}://127.0.0.1:${port}${prefix}`, configPath, hasConfig: text !== null };
}

/** ZeroClaw on this machine: its program, its configuration, its gateway; null when there is none of them. */
export async function detectZeroclaw(deps: DetectDeps): Promise<DetectedRuntime | null> {
  const [place, programs] = await Promise.all([findZeroclawPlace(deps), findPrograms(["zeroclaw"], deps)]);
  const program = programs.get("zeroclaw") ?? null;
  const [isRunning, version] = await Promise.all([
    isZeroclawGateway(place.url, deps),
    program === null || deps.asksVersions === false
      ? null
      : readProgramVersion([program], { ...deps, limitMs: shownVersionLimitMs }),
  ]);
  const foreign = findForeign(place.url, { isThere: isRunning, isExpected: place.hasConfig });
  if (!isRunning && program === null && !place.hasConfig) return null;
  return {
    kind: "zeroclaw",
    product: "ZeroClaw",
    version,
    program,
    endpoint: isRunning || place.hasConfig ? place.url : null,
    token: null,
    command: null,
    ...(foreign === null
      ? judge(place, { isRunning, hasProgram: program !== null })
      : judgeForeign("zeroclaw", place.url, foreign)),
    foundBy: place.hasConfig
      ? `configuration ${place.configPath}`
      : isRunning
        ? `answers at ${place.url}`
        : `program ${program}`,
  };
}

function judge(
  place: ZeroclawPlace,
  { isRunning, hasProgram }: { readonly isRunning: boolean; readonly hasProgram: boolean },
): Pick<DetectedRuntime, "state" | "problem"> {
  if (isRunning) return { state: "ready", problem: null };
  const canStart = hasProgram && place.hasConfig;
  const silence = `its gateway does not answer at ${place.url}`;
  return {
    state: "stopped",
    problem: {
      message: !place.hasConfig
        ? "it was never set up"
        : hasProgram
          ? silence
          : `${silence}, and its program is not on PATH`,
      remedy: `claw-mesh runtime ${canStart ? "start" : "install"} zeroclaw`,
    },
  };
}

/** A file that ZeroClaw could not read either counts as empty. */
function parseConfig(text: string): z.infer<typeof Config> {
  try {
    return Config.safeParse(Bun.TOML.parse(text)).data ?? {};
  } catch {
    // Whatever the parser throws, it is not TOML, which is all that is asked here.
    return {};
  }
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
