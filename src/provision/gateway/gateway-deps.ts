import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";

/** What starting and ending of gateways need of the machine. */
export interface GatewayDeps {
  readonly dataDir: string;
  readonly env: Environment;
  readonly clock: Clock;
}

/**
 * The variables that a gateway gets: those of this process and its own, without what concerns claw-mesh alone. Whoever may
 * send messages to a gateway may read its variables, and the mesh's tokens are among ours.
 */
export function gatewayEnvironment(
  env: Environment,
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...env, ...own })) {
    if (value !== undefined && !name.toUpperCase().startsWith("CLAW_MESH_")) kept[name] = value;
  }
  return kept;
}
