import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { createFetch } from "../../../src/platform/http-fetch.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import type { GatewayProgram, ProvisionDeps } from "../../../src/provision/index.ts";
import { setUpRuntime } from "../../../src/provision/index.ts";
import type { InstalledProgram } from "../../../src/provision/installed-program.ts";
import { findFreePort } from "../free-port.ts";
import { createTempDir } from "../temp-dir.ts";
import { writeZeroclawProgram } from "./archive.ts";
import type { ZeroclawKnobs } from "./gateway-state.ts";

/** A home in which ZeroClaw is installed and nothing is set up. */
export interface ZeroclawHome extends AsyncDisposable {
  readonly home: string;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly program: InstalledProgram;
  readonly deps: ProvisionDeps;
  readonly configPath: string;
  /** Writes the program anew: the next start behaves like this. */
  readonly behave: (knobs: ZeroclawKnobs) => Promise<void>;
  /** @param baseUrl of the provider; default: one that nobody asks */
  readonly setUp: (baseUrl?: string) => Promise<GatewayProgram>;
  /** Times that it was started. */
  readonly starts: () => Promise<number>;
}

export async function createZeroclawHome(): Promise<ZeroclawHome> {
  const directory = await createTempDir();
  const home = directory.path;
  const bin = join(home, ".local", "bin");
  await mkdir(bin, { recursive: true });
  const path = join(bin, "zeroclaw");
  await writeZeroclawProgram(path);
  const env = {
    HOME: home,
    PATH: `${bin}:/usr/bin:/bin`,
    TMPDIR: home,
    LANG: "C.UTF-8",
    ZEROCLAW_gateway__port: String(await findFreePort()),
  };
  const program: InstalledProgram = { kind: "zeroclaw", version: "0.8.4", command: [path], env: {} };
  const dataDir = join(home, ".claw-mesh");
  const deps = { env, home, dataDir, clock: systemClock, fetch: createFetch({ env }) };
  const configPath = join(home, ".zeroclaw", "config.toml");
  return {
    home,
    dataDir,
    env,
    program,
    deps,
    configPath,
    behave: (knobs) => writeZeroclawProgram(path, knobs),
    setUp: (baseUrl = "http://127.0.0.1:9/v1") =>
      setUpRuntime(
        program,
        {
          provider: "custom",
          key: new Secret(providerKey),
          baseUrl,
          model: "fake-1",
        },
        deps,
      ),
    starts: async () => {
      const file = Bun.file(join(home, ".zeroclaw", "starts.log"));
      return (await file.exists()) ? (await file.text()).trim().split("\n").length : 0;
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** Of the model provider; must show up in its configuration only. */
export const providerKey = "a-key-of-the-provider-0123456789";
