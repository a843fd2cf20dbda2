import type { MeshClient } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import type { CancelTimer, Clock } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskId } from "../protocol/ids.ts";

/** How long the coordinator may take to name the message after Ctrl-C. */
const unnamedGraceMs = 2000;
/** How long a cancel may stay unconfirmed; the coordinator itself ends the task after 10 s. */
const cancelGraceMs = 12_000;

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
    named: (id) => {
      const isNew = messageId === null;
      messageId = id;
      if (isWanted && isNew) send(id);
    },
    end: () => cancelTimer(),
  };
}
