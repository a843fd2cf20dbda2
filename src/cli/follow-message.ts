import type { MeshClient, RouteEvent, RouteRequest } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import type { RouteAnswer } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import { defaultTimeoutS } from "../protocol/message.ts";
import { createCancelling } from "./cancelling.ts";
import { isConnectionLoss } from "./connection-loss.ts";

/** Tries to take the answer up again after the connection was lost; with the delays below, over a minute. */
const maxPickUps = 40;
const firstPickUpDelayMs = 250;
const maxPickUpDelayMs = 2000;
/** What the coordinator may take beyond the time of the message to say that it ran out. */
const lateAnswerMs = 30_000;

interface FollowOptions {
  readonly client: MeshClient;
  readonly clock: Clock;
  readonly texts: Catalogue;
  readonly request: Omit<RouteRequest, "signal"> & { readonly idempotencyKey: string };
  /** Ctrl-C: the message is cancelled. */
  readonly interrupt: AbortSignal;
  readonly onEvent: (event: RouteEvent) => void;
  readonly onNote: (text: string) => void;
}

/**
 * Sends a message and stays with it until it ends: picks it up again by its key when the connection is lost, and
 * cancels it on interrupt.
 * @throws MeshError why there is no answer
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
    return await readWithPickUps(options, stop.signal, cancelling.named);
  } finally {
    cancelDeadline();
    cancelling.end();
    interrupt.removeEventListener("abort", onInterrupt);
  }
}

async function readWithPickUps(
  options: FollowOptions,
  signal: AbortSignal,
  onNamed: (messageId: TaskId) => void,
): Promise<RouteAnswer> {
  let hadContact = false;
  for (let lost = 0; ; ) {
    try {
      for await (const event of options.client.streamRoute({ ...options.request, signal })) {
        hadContact = true;
        lost = 0;
        if (event.event === "decision") onNamed(event.data.message_id);
        options.onEvent(event);
        if (event.event === "result") return event.data;
      }
      throw new MeshError(
        "COORDINATOR_UNREACHABLE",
        `${options.client.baseUrl} ended the answer without a result`,
      );
    } catch (error) {
      if (!hadContact || signal.aborted || lost >= maxPickUps || !isConnectionLoss(error)) throw error;
      if (lost === 0) options.onNote(options.texts.send.pickingUp);
      lost += 1;
      await delay(options.clock, Math.min(firstPickUpDelayMs * 2 ** lost, maxPickUpDelayMs), signal);
    }
  }
}
