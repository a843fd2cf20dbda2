import { z } from "zod";
import { MeshError } from "../../protocol/errors.ts";
import { parseGatewayAddress } from "../../runtimes/gateway-address.ts";
import { isOpenclawGateway } from "../../runtimes/gateway-probe.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import type { InstalledProgram } from "../installed-program.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { discoverFor } from "./openclaw-places.ts";
import { isAnsweredOk } from "./readiness.ts";

/** A cold disk took 32 s; a small board is several times slower. */
const readyLimitMs = 180_000;

/** It finishes what it works on for up to 315 s. */
const stopLimitMs = 330_000;

/** How it says that its configuration is wrong, or that its state belongs to another gateway. */
const badConfigExit = 78;

/**
 * How the gateway of an OpenClaw is started that was set up, by its own files.
 * @throws MeshError RUNTIME_START_FAILED when it was never set up
 */
export async function findOpenclawGateway(
  program: InstalledProgram,
  deps: ProvisionDeps,
): Promise<GatewayProgram> {
  const { home, fetch, clock } = deps;
  const found = await discoverFor(deps);
  if (!found.hasConfig) {
    throw new MeshError(
      "RUNTIME_START_FAILED",
      `OpenClaw was never set up here: there is no ${found.configPath}.`,
      {
        hint: "Set it up with: claw-mesh runtime install openclaw, or: openclaw onboard",
      },
    );
  }
  const { httpUrl } = parseGatewayAddress(found.url);
  const looker = { fetch, clock };
  return {
    kind: "openclaw",
    command: [...program.command, "gateway", "run"],
    // It stays the process that was started, so that its number is known.
    env: { ...program.env, OPENCLAW_NO_RESPAWN: "1" },
    cwd: home,
    endpoint: found.url,
    token: found.token,
    isReady: () => isAnsweredOk(`${httpUrl}/readyz`, ReadyAnswer, looker),
    isAlive: async () =>
      (await isAnsweredOk(`${httpUrl}/healthz`, HealthAnswer, looker)) ||
      (await isOpenclawGateway(found.url, looker).catch(() => false)),
    readyLimitMs,
    stopLimitMs,
    finalExitCodes: [badConfigExit],
  };
}

const ReadyAnswer = z.object({ ready: z.literal(true) });
const HealthAnswer = z.object({ ok: z.literal(true), status: z.string() });
