import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { GatewayReply } from "./reply.ts";

/** Between two questions, while something runs and otherwise. */
const busyIntervalMs = 2_000;
const idleIntervalMs = 10_000;
/** Silence after a question that ends the connection. A gateway that sets up several runs on a slow machine is silent for seconds. */
const deadlineMs = 3_000;

export interface Liveness {
  /** Once per connection, after its handshake. */
  readonly begin: () => void;
  readonly end: () => void;
  /** Any frame is a sign of life. */
  readonly noteActivity: () => void;
  readonly watchClosely: () => () => void;
}

interface LivenessParts {
  readonly clock: Clock;
  readonly request: (
    method: string,
    params: unknown,
    options: { readonly timeoutMs: number },
  ) => Promise<GatewayReply>;
  readonly giveUp: () => void;
}

/** Asks a quick question from time to time: a frozen gateway keeps its connection open, and says nothing. */
export function startLiveness({ clock, request, giveUp }: LivenessParts): Liveness {
  let watchers = 0;
  let isOn = false;
  let round = 0;
  let activityCount = 0;
  let cancelTimer: CancelTimer = () => {};

  const arm = () => {
    cancelTimer();
    cancelTimer = clock.after(watchers > 0 ? busyIntervalMs : idleIntervalMs, () => void ask(), {
      unref: true,
    });
  };

  const ask = async (): Promise<void> => {
    const asked = round;
    const activityBefore = activityCount;
    const reply = await request("diagnostics.lanes", {}, { timeoutMs: deadlineMs });
    if (!isOn || asked !== round) return;
    if (reply.kind === "lost" && activityCount === activityBefore) return giveUp();
    arm();
  };

  return {
    begin: () => {
      isOn = true;
      round += 1;
      arm();
    },
    end: () => {
      isOn = false;
      round += 1;
      cancelTimer();
    },
    noteActivity: () => {
      activityCount += 1;
    },
    watchClosely: () => {
      watchers += 1;
      if (isOn && watchers === 1) arm();
      let isOver = false;
      return () => {
        if (!isOver) watchers -= 1;
        isOver = true;
      };
    },
  };
}
