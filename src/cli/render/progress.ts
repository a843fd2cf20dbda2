import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { Output } from "../../platform/terminal.ts";
import { toSafeLine } from "./safe-text.ts";
import { cutAtWord } from "./table.ts";

/** One line at the bottom of a terminal that tells what is being waited for; nothing on other outputs. */
export interface Progress {
  /** Calls `toText` each second with the seconds since then. */
  readonly show: (toText: (seconds: number) => string) => void;
  /** Takes the line away. May be called at any time. */
  readonly clear: () => void;
}

/** Waits shorter than this are not worth a line. */
const showAfterMs = 500;

export function createProgress(output: Output, clock: Clock): Progress {
  let cancelTimer: CancelTimer = () => {};
  let isShown = false;
  const clear = () => {
    cancelTimer();
    if (isShown) output.write("\r\u001b[K");
    isShown = false;
  };
  return {
    clear,
    show: (toText) => {
      clear();
      if (!output.isTerminal) return;
      const startedMs = clock.monotonicMs();
      const draw = () => {
        const seconds = Math.floor((clock.monotonicMs() - startedMs) / 1000);
        output.write(`\r\u001b[K${cutAtWord(toSafeLine(toText(seconds)), output.columns - 1)}`);
        isShown = true;
        cancelTimer = clock.after(1000, draw);
      };
      cancelTimer = clock.after(showAfterMs, draw);
    },
  };
}
