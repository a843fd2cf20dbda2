import { describe, expect, test } from "bun:test";
import { systemClock } from "../platform/clock.ts";
import { createFetch } from "../platform/http-fetch.ts";
import { silentLog } from "../platform/log.ts";
import { createSeededRandom } from "../platform/random.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import { createRuntime, type RuntimeDeps } from "./index.ts";
import { type RuntimeSettings, runtimePreference } from "./runtime-settings.ts";

const deps: RuntimeDeps = {
  clock: systemClock,
  random: createSeededRandom(1),
  fetch: createFetch({ env: {} }),
  log: silentLog,
  credentials: { load: async () => null, save: async () => {} },
  dataDir: "/nowhere",
  env: {},
};

const endpoint = "127.0.0.1:1";
const program = { command: ["/nowhere/agent"], cwd: null, env: {} };
const settingsOf: { readonly [Kind in RuntimeKind]: RuntimeSettings & { readonly kind: Kind } } = {
  echo: { kind: "echo" },
  openclaw: { kind: "openclaw", endpoint, token: null },
  openai: { kind: "openai", endpoint, token: null, model: null, sessions: "auto" },
  zeroclaw: { kind: "zeroclaw", endpoint, token: null, agent: null, approvals: "deny", via: "auto" },
  acp: { kind: "acp", ...program, approvals: "deny" },
  command: { kind: "command", ...program, input: "stdin", output: "text" },
};

describe("the list of runtimes", () => {
  for (const kind of runtimePreference) {
    test(`builds ${kind} without connecting to anything`, async () => {
      const runtime = await createRuntime(settingsOf[kind], deps);
      expect(runtime.kind).toBe(kind);
      await runtime.close();
    });
  }

  test("refuses an address that cannot be read", async () => {
    const unreadable = { ...settingsOf.openai, endpoint: "http://" };
    await expect(createRuntime(unreadable, deps)).rejects.toMatchObject({ code: "USAGE" });
  });
});
