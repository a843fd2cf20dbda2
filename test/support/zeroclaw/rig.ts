import { systemClock } from "../../../src/platform/clock.ts";
import { createFetch } from "../../../src/platform/http-fetch.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import type { Runtime } from "../../../src/runtimes/runtime.ts";
import type { RuntimeCredentials } from "../../../src/runtimes/runtime-settings.ts";
import { createZeroclawRuntime, type ZeroclawOptions } from "../../../src/runtimes/zeroclaw/index.ts";
import { type OpenaiServer, startOpenaiServer } from "../openai-server.ts";
import { createZeroclawConfig, startZeroclawGateway, type ZeroclawGateway } from "./gateway.ts";
import type { ZeroclawKnobs } from "./gateway-state.ts";

/** A model server, the protocol server that asks it, and adapters for the latter. */
export interface ZeroclawRig extends AsyncDisposable {
  readonly model: OpenaiServer;
  readonly gateway: ZeroclawGateway;
  readonly credentials: MemoryCredentials;
  /** It is closed with the rig. */
  readonly createRuntime: (parts?: AdapterParts) => Runtime;
}

export type AdapterParts = Partial<ZeroclawOptions["settings"]> &
  Partial<Pick<ZeroclawOptions, "clock" | "fetch" | "log" | "maxAnswerBytes">>;

export interface RigOptions {
  readonly knobs?: ZeroclawKnobs;
  /** Fields of `[gateway]` beside those of tests. */
  readonly gateway?: Readonly<Record<string, unknown>>;
  readonly risk?: { readonly level?: string; readonly auto_approve?: readonly string[] };
}

export async function startZeroclawRig({
  knobs = {},
  gateway = {},
  risk,
}: RigOptions = {}): Promise<ZeroclawRig> {
  const model = await startOpenaiServer();
  const modelUrl = `${model.url}/v1`;
  const config = createZeroclawConfig({ modelUrl, gateway, ...(risk === undefined ? {} : { risk }) });
  const server = await startZeroclawGateway({ config, knobs });
  const credentials = createMemoryCredentials();
  const opened: Runtime[] = [];
  return {
    model,
    gateway: server,
    credentials,
    createRuntime: ({ clock = systemClock, log = silentLog, fetch, maxAnswerBytes, ...settings } = {}) => {
      const runtime = createZeroclawRuntime({
        settings: {
          kind: "zeroclaw",
          endpoint: server.url,
          token: null,
          agent: null,
          approvals: "deny",
          via: "auto",
          ...settings,
        },
        fetch: fetch ?? createFetch({ env: {} }),
        clock,
        log,
        credentials,
        deviceName: "claw-mesh heron",
        ...(maxAnswerBytes === undefined ? {} : { maxAnswerBytes }),
      });
      opened.push(runtime);
      return runtime;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((runtime) => runtime.close()));
      await server.stop();
      await model.stop();
    },
  };
}

/** Tokens by the name they were kept under. */
export interface MemoryCredentials extends RuntimeCredentials {
  readonly kept: ReadonlyMap<string, string>;
  readonly put: (name: string, token: string) => void;
}

function createMemoryCredentials(): MemoryCredentials {
  const kept = new Map<string, string>();
  return {
    kept,
    put: (name, token) => void kept.set(name, token),
    load: async (name) => {
      const text = kept.get(name);
      return text === undefined ? null : new Secret(text);
    },
    save: async (name, token) => void kept.set(name, token.reveal()),
  };
}
