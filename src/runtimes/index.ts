import type { Clock } from "../platform/clock.ts";
import type { HttpFetch } from "../platform/http-fetch.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Secret } from "../protocol/secret.ts";
import { unsupportedRuntime } from "../protocol/supported-runtimes.ts";
import { createEchoRuntime } from "./echo/index.ts";
import { parseGatewayAddress } from "./gateway-address.ts";
import type { Runtime } from "./runtime.ts";

export interface RuntimeSettings {
  readonly kind: RuntimeKind;
  /** `host:port` or a URL; null: the runtime's usual address, where it has one. */
  readonly endpoint: string | null;
  /** The gateway's token or the server's key. */
  readonly token: Secret | null;
  /** Only for `openai`; null: the first of the server's list that chats. */
  readonly model: string | null;
  /** Only for `echo`: time that an answer takes; default 0. For tests and measurements. */
  readonly echoDelayMs?: number;
}

export interface RuntimeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: HttpFetch;
  readonly log: Log;
}

/** Where OpenClaw listens unless told otherwise. */
export const defaultOpenclawEndpoint = "127.0.0.1:18789";

/**
 * Builds the adapter of a runtime; connects to nothing yet. This is the one list of what there is: an adapter of a new
 * kind is added here. The bigger ones are loaded when they are wanted.
 * @throws MeshError RUNTIME_NOT_FOUND for a kind that this version has no adapter for, USAGE for a bad address
 */
export async function createRuntime(settings: RuntimeSettings, deps: RuntimeDeps): Promise<Runtime> {
  const { kind, endpoint, token } = settings;
  switch (kind) {
    case "echo":
      return createEchoRuntime({ clock: deps.clock, delayMs: settings.echoDelayMs ?? 0 });
    case "openai": {
      if (endpoint === null) throw endpointMissing();
      const { createOpenaiRuntime } = await import("./openai/index.ts");
      const { clock, fetch } = deps;
      return createOpenaiRuntime({ endpoint, apiKey: token, model: settings.model, fetch, clock });
    }
    case "openclaw": {
      const { createOpenclawRuntime } = await import("./openclaw/index.ts");
      const { wsUrl } = parseGatewayAddress(endpoint ?? defaultOpenclawEndpoint);
      const { clock, random, log } = deps;
      return createOpenclawRuntime({ url: wsUrl, token, clock, random, log });
    }
    case "zeroclaw":
    case "acp":
    case "command":
      throw unsupportedRuntime(kind);
    default:
      return kind satisfies never;
  }
}

function endpointMissing(): MeshError {
  return new MeshError("RUNTIME_NOT_FOUND", 'The runtime "openai" needs the address of its server.', {
    hint: "Give it with --gateway-endpoint, such as 127.0.0.1:11434.",
  });
}
