/** Keeps a gateway alive as a process of its own, for the test that kills it: `bun gateway-keeper.ts '<json options>'`. */

import { join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { silentLog } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { findAnyGateway, superviseUntilReady } from "../../src/provision/index.ts";

interface KeeperOptions {
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

if (import.meta.main) {
  const { home, env }: KeeperOptions = JSON.parse(process.argv[2] ?? "{}");
  const deps = {
    env,
    home,
    dataDir: join(home, ".claw-mesh"),
    clock: systemClock,
    fetch: createFetch({ env }),
    random: systemRandom,
    log: silentLog,
    signal: new AbortController().signal,
  };
  const gateway = await findAnyGateway(deps);
  if (gateway === null) throw new Error("no gateway is installed in this home");
  const { state } = await superviseUntilReady(gateway, deps);
  process.stdout.write(`${state().state}\n`);
}

/** Starts one; resolves when its gateway runs. */
export async function startGatewayKeeper(options: KeeperOptions) {
  const child = Bun.spawn([process.execPath, import.meta.path, JSON.stringify(options)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  const state = new TextDecoder().decode(value).trim();
  if (state !== "running") throw new Error(`the gateway of the keeper is not running: ${state}`);
  return {
    kill: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
