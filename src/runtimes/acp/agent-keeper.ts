import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AgentLink, AgentProcess } from "./agent-process.ts";

/** The second start in a row that comes to nothing waits so long; each after that twice as long. */
const firstDelayMs = 1_000;
const maxDelayMs = 60_000;

/** What there is to talk to. */
export type KeptAgent =
  | { readonly kind: "running"; readonly link: AgentLink }
  /** `said`: what it wrote last on standard error. */
  | { readonly kind: "starting"; readonly said: string | null }
  /** The reason begins with a verb. */
  | { readonly kind: "down"; readonly reason: string; readonly retryInMs: number };

/** The one process of an agent: started when it is wanted, and again when it has died, not faster than it makes sense. */
export interface AgentKeeper {
  /** Starts it unless it runs, is being started or has to wait; settles when that is decided, or the signal is aborted. */
  readonly reach: (signal: AbortSignal) => Promise<KeptAgent>;
  readonly state: () => KeptAgent;
  /** The agent has done what it is for: its next death counts as its first. */
  readonly praise: () => void;
  /** Ends the process of this link; the next that wants an agent gets a new one. */
  readonly kill: (link: AgentLink, why: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface KeeperOptions {
  readonly clock: Clock;
  /** @throws the system's error when the program cannot be started */
  readonly start: () => AgentProcess;
}

interface Current {
  readonly process: AgentProcess;
  link: AgentLink | null;
  /** Resolves when it is known whether it is an agent. */
  readonly settled: Promise<void>;
}

export function createAgentKeeper({ clock, start }: KeeperOptions): AgentKeeper {
  let current: Current | null = null;
  let deaths = 0;
  let lastEnd: string | null = null;
  let mayStartAtMs = 0;
  let isClosed = false;

  const noteDeath = (reason: string) => {
    lastEnd = reason;
    deaths += 1;
    // One that has worked is started again at once.
    const delayMs = deaths <= 1 ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** (deaths - 2));
    mayStartAtMs = clock.monotonicMs() + delayMs;
  };
  const startNow = () => {
    try {
      const process = start();
      const begin: Current = { process, link: null, settled: settle() };
      async function settle() {
        const link = await process.ready;
        if (link === null) await process.ended;
        begin.link = link;
      }
      current = begin;
      void process.ended.then((reason) => {
        if (current === begin) current = null;
        noteDeath(reason);
      });
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === null) throw error;
      noteDeath(`could not be started (${code})`);
    }
  };
  const state = (): KeptAgent => {
    if (current !== null && !current.process.hasEnded()) {
      const { link, process } = current;
      return link === null ? { kind: "starting", said: process.lastLine() } : { kind: "running", link };
    }
    const retryInMs = Math.max(0, mayStartAtMs - clock.monotonicMs());
    return { kind: "down", reason: lastEnd ?? "was not started yet", retryInMs };
  };

  return {
    reach: async (signal) => {
      const before = state();
      if (before.kind === "down" && before.retryInMs === 0 && !isClosed && !signal.aborted) startNow();
      if (current !== null) await settledOrAborted(current.settled, signal);
      return state();
    },
    state,
    praise: () => {
      deaths = 0;
    },
    kill: async (link, why) => {
      if (current?.link === link) await current.process.kill(why);
    },
    close: async () => {
      isClosed = true;
      await current?.process.stop();
    },
  };
}

async function settledOrAborted(settled: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.resolve();
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  await Promise.race([settled, aborted.promise]);
  signal.removeEventListener("abort", onAbort);
}
