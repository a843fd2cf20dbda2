import type { MeshClient } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import type { CancelTimer, Clock } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";
import { mayPassAgain } from "./connection-loss.ts";

/** How long the coordinator may take to name the message after Ctrl-C. */
const unnamedGraceMs = 2000;
/** How long a cancel may stay unconfirmed; the coordinator itself ends the task after 10 s. */
const cancelGraceMs = 12_000;
/** Pause before a cancel that was not heard is sent again. */
const repeatMs = 500;

interface CancellingOptions {
  readonly client: MeshClient;
  readonly clock: Clock;
  readonly texts: Catalogue;
  /** Aborted with a MeshError when the end of the message cannot be waited for. */
  readonly stop: AbortController;
  readonly onNote: (text: string) => void;
}

/** What Ctrl-C sets going: a cancel as soon as the message has a name, and a limit for all of it. */
export interface Cancelling {
  readonly begin: () => void;
  readonly named: (id: TaskId) => void;
  readonly end: () => void;
}

export function createCancelling(options: CancellingOptions): Cancelling {
  const { client, clock, texts, stop } = options;
  let messageId: TaskId | null = null;
  let isWanted = false;
  let isSent = false;
  let isOver = false;
  let cancelTimer: CancelTimer = () => {};
  let cancelRepeat: CancelTimer = () => {};

  const giveUpAfter = (delayMs: number, toError: () => MeshError) => {
    cancelTimer();
    cancelTimer = clock.after(delayMs, () => stop.abort(toError()));
  };
  const sendCancel = (id: TaskId) => {
    client.call(contract.cancelTask, { params: { id } }).then(
      () => {
        isSent = true;
      },
      (error: unknown) => {
        if (!mayPassAgain(error)) stop.abort(error);
        // A coordinator that is being started again has to hear it, too.
        else if (!isOver && !stop.signal.aborted) cancelRepeat = clock.after(repeatMs, () => sendCancel(id));
      },
    );
  };
  const send = (id: TaskId) => {
    giveUpAfter(cancelGraceMs, () =>
      isSent
        ? new MeshError("MESSAGE_CANCELLED", texts.send.cancelNotConfirmed(id))
        : new MeshError("COORDINATOR_UNREACHABLE", texts.send.cancelNotSent(id), {
            hint: texts.send.cancelHint(id),
          }),
    );
    sendCancel(id);
  };
  return {
    begin: () => {
      isWanted = true;
      options.onNote(texts.send.cancelling);
      if (messageId !== null) send(messageId);
      else giveUpAfter(unnamedGraceMs, () => new MeshError("MESSAGE_CANCELLED", texts.send.cancelUnknown));
    },
    named: (id) => {
      const isNew = messageId === null;
      messageId = id;
      if (isWanted && isNew) send(id);
    },
    end: () => {
      isOver = true;
      cancelTimer();
      cancelRepeat();
    },
  };
}
