import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import type { HttpFetch } from "../platform/http-fetch.ts";
import type { Log } from "../platform/log.ts";
import { machineNames } from "../platform/machine-names.ts";
import type { Random } from "../platform/random.ts";
import { createEchoRuntime } from "./echo/index.ts";
import { parseGatewayAddress } from "./gateway-address.ts";
import { withOwnerCheck } from "./owner-check.ts";
import type { Runtime } from "./runtime.ts";
import type { RuntimeCredentials, RuntimeSettings } from "./runtime-settings.ts";

export interface RuntimeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: HttpFetch;
  readonly log: Log;
  readonly credentials: RuntimeCredentials;
  /** `acp` and `command` work in a folder below it unless they are given another. */
  readonly dataDir: string;
  /** Variables of the node agent, which programs get, too. */
  readonly env: Environment;
}

/** Where OpenClaw listens unless told otherwise. */
export const defaultOpenclawEndpoint = "127.0.0.1:18789";

/**
 * Builds the adapter of a runtime; connects to nothing yet. This is the one list of what there is: an adapter of a new
 * kind is added here. The bigger ones are loaded when they are wanted.
 * @throws MeshError USAGE for an address that cannot be read
 */
export async function createRuntime(settings: RuntimeSettings, deps: RuntimeDeps): Promise<Runtime> {
  const { clock, random, fetch, log } = deps;
  switch (settings.kind) {
    case "echo":
      return createEchoRuntime({ clock, delayMs: settings.delayMs ?? 0 });
    case "openai": {
      const { createOpenaiRuntime } = await import("./openai/index.ts");
      const { endpoint, token: apiKey, model, sessions, checksOwner } = settings;
      const guarded = checksOwner === true ? withOwnerCheck(fetch) : fetch;
      return createOpenaiRuntime({ endpoint, apiKey, model, sessions, fetch: guarded, clock });
    }
    case "openclaw": {
      const { createOpenclawRuntime } = await import("./openclaw/index.ts");
      const { wsUrl } = parseGatewayAddress(settings.endpoint ?? defaultOpenclawEndpoint);
      const { token, checksOwner = false } = settings;
      return createOpenclawRuntime({ url: wsUrl, token, checksOwner, clock, random, log });
    }
    case "zeroclaw": {
      const { createZeroclawRuntime } = await import("./zeroclaw/index.ts");
      const deviceName = `claw-mesh ${machineNames()[0] ?? "node"}`;
      return createZeroclawRuntime({
        settings,
        fetch,
        clock,
        log,
        credentials: deps.credentials,
        deviceName,
      });
    }
    case "acp": {
      const { createAcpRuntime } = await import("./acp/index.ts");
      const { dataDir, env } = deps;
      return createAcpRuntime({ settings, clock, log, dataDir, env });
    }
    case "command": {
      const { createCommandRuntime } = await import("./command/index.ts");
      const { dataDir, env } = deps;
      return createCommandRuntime({ settings, clock, log, dataDir, env });
    }
    default:
      return settings satisfies never;
  }
}
