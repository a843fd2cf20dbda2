import { systemClock } from "../../../src/platform/clock.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { systemRandom } from "../../../src/platform/random.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { createOpenclawRuntime, type OpenclawOptions } from "../../../src/runtimes/openclaw/index.ts";
import { createGatewayAccess } from "../../../src/runtimes/openclaw/openclaw-runtime.ts";
import type { GatewayAccess } from "../../../src/runtimes/openclaw/run-context.ts";
import type { Runtime } from "../../../src/runtimes/runtime.ts";
import type { RuntimeSubject } from "../../contract/runtime-subject.ts";
import type { Gateway } from "./gateway.ts";
import { type OpenclawRig, sharedRig, warmUp } from "./shared-gateway.ts";

const wrongToken = "a-token-that-nobody-gave-out";

/** The adapter on a gateway of the rig. */
export function createTestRuntime(gateway: Gateway, options: Partial<OpenclawOptions> = {}): Runtime {
  return createOpenclawRuntime({
    url: gateway.url,
    token: new Secret(gateway.token),
    clock: systemClock,
    random: systemRandom,
    ...options,
  });
}

/** The adapter's connections without its runtime, for parts that run by the hour. */
export function createTestConnections(gateway: Gateway): {
  readonly access: GatewayAccess;
  readonly close: () => void;
} {
  const access = createGatewayAccess({
    url: gateway.url,
    token: new Secret(gateway.token),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  access.connection.start();
  return { access, close: access.connection.close };
}

/** The real OpenClaw as a subject of the contract suite. */
export function openclawSubject(): RuntimeSubject {
  let rig: OpenclawRig | null = null;
  const secrets: string[] = [wrongToken];
  const gateway = (): Gateway => {
    if (rig === null) throw new Error("the subject is not open");
    return rig.gateway;
  };
  return {
    kind: "openclaw",
    open: async () => {
      rig = await sharedRig();
      secrets.push(rig.gateway.token);
    },
    close: async () => {
      if (gateway().pid() !== null) return;
      await gateway().start();
      await warmUp(gateway());
    },
    createRuntime: () => createTestRuntime(gateway()),
    createSlowRuntime: () => createTestRuntime(gateway()),
    createUnreachableRuntime: () => createTestRuntime(gateway(), { url: "ws://127.0.0.1:9" }),
    createUnauthorizedRuntime: () => createTestRuntime(gateway(), { token: new Secret(wrongToken) }),
    plainMessage: (word) => word,
    slowMessage: (word) => `[[chunks 100 250]] ${word}`,
    streamsSlowly: true,
    recallMessage: "[[recall]] what did I say?",
    tooLongMessage: `[[size ${8 * 1024 * 1024 + 1}]] a long answer`,
    failingMessages: [
      {
        when: "the provider refuses the request",
        content: "[[status 400]] bad",
        expected: { class: "runtime_error", kind: "bad_request" },
        errorText: "fake provider status",
      },
      {
        when: "the provider fails for longer than the attempt may take",
        content: "[[status 500]] broken",
        expected: { class: "timeout" },
        errorText: "fake provider status",
        timeoutMs: 3_000,
      },
    ],
    loseGateway: () => gateway().kill("SIGKILL"),
    secrets,
    patienceMs: 15_000,
  };
}
