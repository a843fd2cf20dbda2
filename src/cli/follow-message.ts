import type { MeshClient, RouteEvent, RouteRequest } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import type { RouteAnswer } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import { defaultTimeoutS } from "../protocol/message.ts";
import { createCancelling } from "./cancelling.ts";
import {
  isSurelyNotSent,
  isUnsure,
  mayPass,
  mayPassAgain,
  tellsNothingOfMessage,
} from "./connection-loss.ts";
import type { Repeat } from "./repeat.ts";
import { withFurtherHint } from "./with-hint.ts";

/** Tries to take the answer up again after the way to it was lost; with the delays below, over a minute. */
const maxPickUps = 40;
const firstPickUpDelayMs = 250;
const maxPickUpDelayMs = 2000;
/** What the coordinator may take beyond the time of the message to say that it ran out. */
const lateAnswerMs = 30_000;

interface FollowOptions {
  readonly client: MeshClient;
  readonly clock: Clock;
  readonly texts: Catalogue;
  readonly request: Omit<RouteRequest, "signal" | "idempotencyKey">;
  readonly repeat: Repeat;
  /** Ctrl-C: the message is cancelled. */
  readonly interrupt: AbortSignal;
  readonly onEvent: (event: RouteEvent) => void;
  readonly onNote: (text: string) => void;
}

/**
 * Sends a message and stays with it until it ends: picks it up again by its key when the way to it is lost, and
 * cancels it on interrupt.
 * @throws MeshError why there is no answer; with the key in the hint when it may run all the same. When it surely was
 * not sent that is said at once
 */
export async function followMessage(options: FollowOptions): Promise<RouteAnswer> {
  const { clock, interrupt, texts } = options;
  const stop = new AbortController();
  const timeoutS = options.request.message.timeout_s ?? defaultTimeoutS;
  const cancelDeadline = clock.after(timeoutS * 1000 + lateAnswerMs, () =>
    stop.abort(new MeshError("MESSAGE_TIMEOUT", texts.send.timedOut(timeoutS))),
  );
  const cancelling = createCancelling({ ...options, stop });
  const onInterrupt = () => cancelling.begin();
  if (interrupt.aborted) onInterrupt();
  else interrupt.addEventListener("abort", onInterrupt, { once: true });
  try {
    return await readWithPickUps(options, { signal: stop.signal, onNamed: cancelling.named });
  } finally {
    cancelDeadline();
    cancelling.end();
    interrupt.removeEventListener("abort", onInterrupt);
  }
}

interface Reading {
  readonly signal: AbortSignal;
  readonly onNamed: (messageId: TaskId) => void;
}

async function readWithPickUps(options: FollowOptions, { signal, onNamed }: Reading): Promise<RouteAnswer> {
  const { client, clock, repeat, texts } = options;
  /** The message may have reached the coordinator, so another one would be a second one. */
  let mayRun = false;
  let isNamed = false;
  signal.throwIfAborted();
  for (let lost = 0; ; ) {
    try {
      const request = { ...options.request, idempotencyKey: repeat.key, signal };
      for await (const event of client.streamRoute(request)) {
        mayRun = true;
        lost = 0;
        if (event.event === "decision") {
          isNamed = true;
          onNamed(event.data.message_id);
        }
        options.onEvent(event);
        if (event.event === "result") return event.data;
      }
      throw new MeshError("COORDINATOR_UNREACHABLE", `${client.baseUrl} ended the answer without a result`);
    } catch (error) {
      const isWorthIt = mayRun ? mayPassAgain(error) : mayPass(error) && !isSurelyNotSent(error);
      mayRun ||= signal.aborted || isUnsure(error);
      if (signal.aborted || lost >= maxPickUps || !isWorthIt) {
        const isLeftOpen = mayRun && (signal.aborted ? !isNamed || isOutOfTime(error) : leavesOpen(error));
        throw isLeftOpen ? withFurtherHint(error, texts.send.unsureHint(repeat.keyFlag), texts) : error;
      }
      if (lost === 0) options.onNote(texts.send.pickingUp);
      lost += 1;
      await delay(clock, Math.min(firstPickUpDelayMs * 2 ** lost, maxPickUpDelayMs), signal);
    }
  }
}

/** What became of the message is not in this error. */
function leavesOpen(error: unknown): boolean {
  return isUnsure(error) || tellsNothingOfMessage(error);
}

/** Of the errors with which waiting is stopped the one that does not name the message. */
function isOutOfTime(error: unknown): boolean {
  return error instanceof MeshError && error.code === "MESSAGE_TIMEOUT";
}
