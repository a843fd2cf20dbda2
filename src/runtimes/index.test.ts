import { describe, expect, test } from "bun:test";
import { systemClock } from "../platform/clock.ts";
import { createFetch } from "../platform/http-fetch.ts";
import { silentLog } from "../platform/log.ts";
import { createSeededRandom } from "../platform/random.ts";
import { RuntimeKind } from "../protocol/capability.ts";
import { supportedRuntimeKinds } from "../protocol/supported-runtimes.ts";
import { createRuntime, type RuntimeDeps, type RuntimeSettings } from "./index.ts";

const deps: RuntimeDeps = {
  clock: systemClock,
  random: createSeededRandom(1),
  fetch: createFetch({ env: {} }),
  log: silentLog,
};
const create = (parts: Partial<RuntimeSettings>) =>
  createRuntime({ kind: "echo", endpoint: null, token: null, model: null, ...parts }, deps);

describe("the list of runtimes", () => {
  for (const kind of supportedRuntimeKinds) {
    test(`builds ${kind} without connecting to anything`, async () => {
      const runtime = await create({ kind, endpoint: "127.0.0.1:1" });
      expect(runtime.kind).toBe(kind);
      await runtime.close();
    });
  }

  for (const kind of RuntimeKind.options.filter(
    (kind) => !supportedRuntimeKinds.some((known) => known === kind),
  )) {
    test(`says that ${kind} is not in this version`, async () => {
      await expect(create({ kind, endpoint: "127.0.0.1:1" })).rejects.toMatchObject({
        code: "RUNTIME_NOT_FOUND",
        message: `The runtime "${kind}" is not in this version.`,
      });
    });
  }

  test("asks for the address of an OpenAI-compatible server", async () => {
    await expect(create({ kind: "openai" })).rejects.toMatchObject({ code: "RUNTIME_NOT_FOUND" });
  });

  test("refuses an address that cannot be read", async () => {
    await expect(create({ kind: "openai", endpoint: "http://" })).rejects.toMatchObject({ code: "USAGE" });
  });
});
