import { type Clock, delay } from "../../platform/clock.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt } from "../runtime.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";

/** Every echo starts with this, so that nobody takes it for the answer of an AI. Stable: tests and scripts rely on it. */
export const echoPrefix = "[echo] No AI runtime here. Your message: ";

/** Stands between prefix and message when the text is another owner's. */
export const untrustedMark = "[untrusted] ";

export interface EchoOptions {
  readonly clock: Clock;
  /** Time from the first to the last piece of an answer; default 0: the whole answer at once and no chunks. */
  readonly delayMs?: number;
}

/** Pieces that a delayed echo is sent in. */
const pieceCount = 16;

const succeedAt = (text: string): RunOutcome => ({ kind: "succeeded", text });

/** Answers with the message itself and says so. For machines without an AI runtime, for tests and for measurements. */
export function createEchoRuntime({ clock, delayMs = 0 }: EchoOptions): Runtime {
  const closing = new AbortController();
  return {
    kind: "echo",
    location: "built in",
    probe: () =>
      Promise.resolve({
        status: { kind: "echo", version: null, ready: true, reason: null, active: null, queued: null },
        slots: null,
      }),
    run: (attempt, control) => {
      if (closing.signal.aborted) return Promise.resolve(closedOutcome);
      if (control.signal.aborted) return Promise.resolve(toStopOutcome(control.signal.reason));
      if (delayMs <= 0) return Promise.resolve(succeedAt(toEcho(attempt)));
      return echoSlowly(attempt, control, { clock, delayMs, closing: closing.signal });
    },
    reattach: () => Promise.resolve(null),
    fence: () => Promise.resolve(true),
    close: () => {
      closing.abort();
      return Promise.resolve();
    },
  };
}

interface SlowEcho {
  readonly clock: Clock;
  readonly delayMs: number;
  readonly closing: AbortSignal;
}

async function echoSlowly(
  attempt: RuntimeAttempt,
  control: RunControl,
  { clock, delayMs, closing }: SlowEcho,
): Promise<RunOutcome> {
  const text = toEcho(attempt);
  const stop = AbortSignal.any([control.signal, closing]);
  const endsAtMs = clock.monotonicMs() + attempt.timeoutMs;
  let offset = 0;
  for (const end of pieceEnds(text)) {
    if (offset > 0) {
      const leftMs = endsAtMs - clock.monotonicMs();
      const pauseMs = delayMs / (pieceCount - 1);
      const waited = await delay(clock, Math.min(pauseMs, leftMs), stop);
      if (control.signal.aborted) return toStopOutcome(control.signal.reason);
      if (waited === "aborted") return { ...closedOutcome, started: true };
      if (pauseMs >= leftMs) return toStopOutcome("timeout");
    }
    control.onChunk({ offset, text: text.slice(offset, end) });
    offset = end;
  }
  return succeedAt(text);
}

function toEcho({ content, isUntrusted }: RuntimeAttempt): string {
  return `${echoPrefix}${isUntrusted ? untrustedMark : ""}${content}`;
}

/** Where the pieces end, never between the two halves of a character. */
function pieceEnds(text: string): readonly number[] {
  const step = text.length / pieceCount;
  const ends = Array.from({ length: pieceCount }, (_, index) => {
    const end = Math.round(step * (index + 1));
    return isLowSurrogate(text.charCodeAt(end)) ? end + 1 : end;
  });
  return [...new Set(ends)];
}

function isLowSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xdc00 && codeUnit <= 0xdfff;
}
