import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { systemRandom } from "../../src/platform/random.ts";
import type { DetectDeps } from "../../src/provision/index.ts";
import { createTempDir } from "./temp-dir.ts";

/** A home with programs of one's own, for what looks for runtimes: nothing of the real machine is seen from it. */
export interface FakeMachine extends AsyncDisposable {
  readonly home: string;
  /** The only folder of PATH. */
  readonly bin: string;
  /** A shell script on PATH. It may call nothing but what the shell has built in, as PATH has nothing else. */
  readonly addProgram: (name: string, script: string) => Promise<string>;
  /** Below the home. */
  readonly addFile: (path: string, text: string) => Promise<void>;
  /** What detection gets of this machine, where the ports are those of the tests. */
  readonly deps: (ports?: readonly number[], more?: Partial<DetectDeps>) => DetectDeps;
}

/** Nobody listens there: only an administrator may, and none does. */
const silentPort = 1;

/** @param given - a home that is there already; default: a new one that is gone with the machine */
export async function createFakeMachine(given?: string): Promise<FakeMachine> {
  const folder = given === undefined ? await createTempDir() : null;
  const home = folder?.path ?? given ?? "";
  const bin = join(home, "bin");
  await mkdir(bin);
  return {
    home,
    bin,
    addProgram: async (name, script) => {
      const path = join(bin, name);
      await writeFile(path, `#!/bin/sh\n${script}\n`);
      await chmod(path, 0o755);
      return path;
    },
    addFile: async (path, text) => {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), text);
    },
    deps: (ports = [], more = {}) => ({
      home,
      dataDir: join(home, ".claw-mesh"),
      clock: systemClock,
      random: systemRandom,
      fetch: createFetch({ env: {} }),
      servers: ports.map((port) => ({ port, products: [] })),
      gatewayPorts: { openclaw: silentPort, zeroclaw: silentPort },
      ...more,
      env: { HOME: home, PATH: bin, ...more.env },
    }),
    [Symbol.asyncDispose]: async () => await folder?.[Symbol.asyncDispose](),
  };
}
