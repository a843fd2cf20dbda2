/** What another user of the machine gets who listens where a gateway of ours should be: nothing. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { silentLog } from "../../../src/platform/log.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { launchGateway } from "../../../src/provision/gateway/launch-gateway.ts";
import type { GatewayProgram } from "../../../src/provision/gateway-program.ts";
import { chooseDetected, detectRuntimes, findRuntime } from "../../../src/provision/index.ts";
import { createRuntime, type RuntimeDeps } from "../../../src/runtimes/index.ts";
import type { RuntimeSettings } from "../../../src/runtimes/runtime-settings.ts";
import { createFakeMachine, type FakeMachine } from "../../support/fake-machine.ts";
import { canBecomeOthers, type ForeignServer, startForeignServer } from "../../support/foreign-server.ts";

const key = "sesame-of-this-user";

describe.skipIf(!canBecomeOthers())("whoever else listens at a port of a gateway", () => {
  let machine: FakeMachine;
  let other: ForeignServer;
  beforeEach(async () => {
    machine = await createFakeMachine();
    other = await startForeignServer();
  });
  afterEach(async () => {
    await other[Symbol.asyncDispose]();
    await machine[Symbol.asyncDispose]();
  });

  const setUp: Readonly<Record<string, () => Promise<void>>> = {
    openclaw: async () => {
      await machine.addProgram("openclaw", "echo 2026.9.6");
      const config = { gateway: { port: other.port, auth: { token: key } } };
      await machine.addFile(".openclaw/openclaw.json", JSON.stringify(config));
    },
    zeroclaw: async () => {
      await machine.addProgram("zeroclaw", "echo 0.8.4");
      await machine.addFile(".zeroclaw/config.toml", `[gateway]\nport = ${other.port}\n`);
    },
    openai: () => machine.addFile(".hermes/.env", `API_SERVER_KEY=${key}\nAPI_SERVER_PORT=${other.port}\n`),
    nanobot: () =>
      machine.addFile(".nanobot/config.json", JSON.stringify({ api: { port: other.port, apiKey: key } })),
  };

  test.each(Object.keys(setUp))(
    "gets no key when runtimes are looked for, and is not chosen: %s",
    async (name) => {
      await setUp[name]?.();
      const found = (await detectRuntimes(machine.deps())).filter(({ kind }) => kind !== "acp");
      expect(found).toMatchObject([{ state: "not_ready", isForeign: true }]);
      expect(found[0]?.problem?.message).toBe(`port ${other.port} belongs to another user (54321)`);
      expect(chooseDetected(found, null).chosen).toBeNull();
      const auto = { kind: "auto", endpoint: null, token: new Secret(key), model: null } as const;
      const wish = { ...auto, approvals: "deny", autoDiscover: true } as const;
      await expect(findRuntime(wish, machine.deps())).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
      expect(other.seen()).not.toContain(key);
    },
  );

  const deps = (): RuntimeDeps => ({
    ...machine.deps(),
    log: silentLog,
    credentials: { load: () => Promise.resolve(new Secret(key)), save: () => Promise.resolve() },
  });
  const probe = async (settings: RuntimeSettings) => {
    const runtime = await createRuntime(settings, deps());
    try {
      return (await runtime.probe()).status;
    } finally {
      await runtime.close();
    }
  };
  const settings = (): Readonly<Record<string, RuntimeSettings>> => {
    const endpoint = `127.0.0.1:${other.port}`;
    const found = { endpoint, token: new Secret(key), checksOwner: true } as const;
    const zeroclaw = { agent: null, approvals: "deny", via: "auto" } as const;
    return {
      openclaw: { kind: "openclaw", ...found },
      openai: { kind: "openai", ...found, model: null, sessions: "auto" },
      zeroclaw: { kind: "zeroclaw", ...found, ...zeroclaw },
      "zeroclaw with a token of an earlier pairing": { kind: "zeroclaw", endpoint, token: null, ...zeroclaw },
    };
  };

  test.each(["openclaw", "openai", "zeroclaw", "zeroclaw with a token of an earlier pairing"])(
    "is not spoken to by the node: %s",
    async (name) => {
      const given = settings()[name];
      if (given === undefined) throw new Error(name);
      const status = await probe(given);
      expect(status.ready).toBeFalse();
      expect(status.reason).toContain(`port ${other.port} belongs to another user (54321)`);
      expect(other.seen()).not.toContain(key);
    },
  );

  test("is not taken for a gateway that is to be started, nor asked whether it is one", async () => {
    let asked = 0;
    const gateway: GatewayProgram = {
      kind: "openclaw",
      command: ["/bin/false"],
      cwd: machine.home,
      env: {},
      endpoint: `ws://127.0.0.1:${other.port}`,
      token: new Secret(key),
      readyLimitMs: 1_000,
      stopLimitMs: 1_000,
      finalExitCodes: [],
      isAlive: () => {
        asked += 1;
        return Promise.resolve(true);
      },
      isReady: () => Promise.resolve(true),
    };
    await expect(launchGateway(gateway, machine.deps())).rejects.toMatchObject({
      code: "RUNTIME_START_FAILED",
      message: expect.stringContaining(`port ${other.port} belongs to another user`),
    });
    expect(asked).toBe(0);
  });

  test("gets the key that the operator gave for that address", async () => {
    const endpoint = `127.0.0.1:${other.port}`;
    const status = await probe({
      kind: "openai",
      endpoint,
      token: new Secret(key),
      model: null,
      sessions: "auto",
    });
    expect(status.ready).toBeTrue();
    expect(other.seen()).toContain(key);
  });
});
