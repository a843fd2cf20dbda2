import type { MeshClient, RouteEvent, RouteRequest } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import { type CancelTimer, type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract, type RouteAnswer } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import { defaultTimeoutS } from "../protocol/message.ts";

/** Tries to take the answer up again after the connection was lost; with the delays below, over a minute. */
const maxPickUps = 40;
const firstPickUpDelayMs = 250;
const maxPickUpDelayMs = 2000;
/** How long the coordinator may take to name the message after Ctrl-C. */
const unnamedGraceMs = 2000;
/** How long a cancel may stay unconfirmed; the coordinator itself ends the task after 10 s. */
const cancelGraceMs = 12_000;
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
  const cancelling = createCancelling(options, stop);
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

function isConnectionLoss(error: unknown): boolean {
  return (
    error instanceof MeshError &&
    (error.code === "COORDINATOR_UNREACHABLE" || error.code === "COORDINATOR_STOPPING")
  );
}

/** What Ctrl-C sets going: a cancel as soon as the message has a name, and a limit for all of it. */
function createCancelling(options: FollowOptions, stop: AbortController) {
  const { client, clock, texts } = options;
  let messageId: TaskId | null = null;
  let isWanted = false;
  let cancelTimer: CancelTimer = () => {};

  const giveUpAfter = (delayMs: number, text: string) => {
    cancelTimer();
    cancelTimer = clock.after(delayMs, () => stop.abort(new MeshError("MESSAGE_CANCELLED", text)));
  };
  const send = (id: TaskId) => {
    giveUpAfter(cancelGraceMs, texts.send.cancelNotConfirmed(id));
    client.call(contract.cancelTask, { params: { id } }).then(
      () => {},
      (error: unknown) => stop.abort(error),
    );
  };
  return {
    begin: () => {
      isWanted = true;
      options.onNote(texts.send.cancelling);
      if (messageId === null) giveUpAfter(unnamedGraceMs, texts.send.cancelUnknown);
      else send(messageId);
    },
    named: (id: TaskId) => {
      const isNew = messageId === null;
      messageId = id;
      if (isWanted && isNew) send(id);
    },
    end: () => cancelTimer(),
  };
}
