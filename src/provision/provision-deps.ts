import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import type { HttpFetch } from "../platform/http-fetch.ts";

/** What the parts that install, set up and start runtimes get of the world. */
export interface ProvisionDeps {
  readonly env: Environment;
  readonly home: string;
  /** Of this program; what is installed for a runtime is noted below `runtimes/` of it. */
  readonly dataDir: string;
  readonly clock: Clock;
  /** With the proxy of the environment. */
  readonly fetch: HttpFetch;
  /** The umask that this process was started with, for what is installed for all users; undefined: the one that it has. */
  readonly startUmask?: number;
}
