import type { Clock } from "../../platform/clock.ts";
import type { AgentLink } from "./agent-process.ts";
import { closeSession, newSession } from "./sessions.ts";

/** How often an agent that wants a login is tried again; each time with a new process, as agents read it at their start. */
const retryMs = 30_000;

/** Whether the agent wants somebody to log in: only a session tells. */
export interface LoginWatch {
  readonly noteOpened: () => void;
  readonly noteRefused: (link: AgentLink) => void;
  /** Names of the ways to log in that it offers; null: it wants no login, as far as is known. */
  readonly wanted: () => readonly string[] | null;
  readonly isDue: () => boolean;
  /** Opens a session and closes it, to see. Rejects as the agent does. */
  readonly check: (link: AgentLink) => Promise<void>;
}

export function createLoginWatch({
  clock,
  cwd,
}: {
  readonly clock: Clock;
  readonly cwd: string;
}): LoginWatch {
  let wanted: readonly string[] | null = null;
  let checkedAtMs = 0;
  return {
    noteOpened: () => {
      wanted = null;
    },
    noteRefused: ({ info }) => {
      wanted = info.authMethods;
      checkedAtMs = clock.monotonicMs();
    },
    wanted: () => wanted,
    isDue: () => wanted !== null && clock.monotonicMs() - checkedAtMs >= retryMs,
    check: async (link) => {
      checkedAtMs = clock.monotonicMs();
      const id = await newSession(link, cwd);
      wanted = null;
      void closeSession(link, id);
    },
  };
}
