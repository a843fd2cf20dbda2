import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { gatewayFiles } from "../gateway/gateway-files.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import type { InstalledProgram } from "../installed-program.ts";
import type { ProviderSettings } from "../provider-settings.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import type { ProvisionStep } from "../provision-step.ts";
import { findOpenclawGateway } from "./openclaw-gateway.ts";
import { planOpenclawSetup, setUpOpenclaw } from "./openclaw-setup.ts";
import type { SetupDeps } from "./setup-deps.ts";
import { findZeroclawGateway, planZeroclawSetup, setUpZeroclaw } from "./zeroclaw-setup.ts";

/**
 * Writes what the runtime needs to run as a node's gateway. What is configured already is kept: only missing parts are filled
 * in, and a copy of the file stays beside it.
 * @throws MeshError RUNTIME_START_FAILED for a configuration that cannot be used; DISK_FULL
 */
export function setUpRuntime(
  program: InstalledProgram,
  provider: ProviderSettings | null,
  deps: SetupDeps,
): Promise<GatewayProgram> {
  return program.kind === "openclaw"
    ? setUpOpenclaw(program, provider, deps)
    : setUpZeroclaw(program, provider, deps);
}

/** The files that {@link setUpRuntime} would write; changes nothing. @throws MeshError as it does */
export function planSetup(
  kind: InstallableKind,
  provider: ProviderSettings | null,
  deps: ProvisionDeps,
): Promise<readonly ProvisionStep[]> {
  return kind === "openclaw" ? planOpenclawSetup(provider, deps) : planZeroclawSetup(provider, deps);
}

/**
 * How the gateway is started, by the configuration that is there.
 * @throws MeshError RUNTIME_START_FAILED when the runtime was never set up
 */
export function findGatewayProgram(program: InstalledProgram, deps: ProvisionDeps): Promise<GatewayProgram> {
  return program.kind === "openclaw"
    ? findOpenclawGateway(program, deps)
    : findZeroclawGateway(program, deps);
}

/** What starting the gateway does. */
export function planStart(gateway: GatewayProgram, { dataDir }: ProvisionDeps): readonly ProvisionStep[] {
  const { log } = gatewayFiles(dataDir, gateway.kind);
  return [
    { do: "start", command: gateway.command, logFile: log },
    { do: "wait_ready", url: gateway.endpoint, limitMs: gateway.readyLimitMs },
  ];
}
