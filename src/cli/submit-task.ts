import type { MeshClient } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskInput } from "../protocol/message.ts";
import type { TaskInfo } from "../protocol/task.ts";
import { isConnectionLoss, isSurelyNotSent } from "./connection-loss.ts";

/** How long an unanswered submission is asked about again before it is left to the user. */
const maxUnsureMs = 60_000;
const firstDelayMs = 250;
const maxDelayMs = 2000;

interface SubmitOptions {
  readonly client: MeshClient;
  readonly clock: Clock;
  readonly texts: Catalogue;
  readonly input: TaskInput;
  /** The same key and message again give the same task. */
  readonly key: string;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/**
 * Queues a message. When it is unsure whether it arrived it is sent again under the same key, so it is queued once.
 * @throws MeshError COORDINATOR_UNREACHABLE at once when it surely did not arrive, with the key in the hint otherwise
 */
export async function submitTask(options: SubmitOptions): Promise<TaskInfo> {
  const { client, clock, input, key, signal, texts } = options;
  const giveUpAtMs = clock.monotonicMs() + maxUnsureMs;
  let isUnsure = false;
  for (let tries = 0; ; tries += 1) {
    try {
      return await client.call(
        contract.addTask,
        { body: input },
        { headers: { "idempotency-key": key }, signal },
      );
    } catch (error) {
      if (signal.aborted || !isConnectionLoss(error)) throw error;
      if (tries === 0 && isSurelyNotSent(error)) throw error;
      isUnsure ||= !isSurelyNotSent(error);
      if (clock.monotonicMs() >= giveUpAtMs)
        throw isUnsure ? withKey(error, texts.tasks.unsureHint(key)) : error;
      if (tries === 0) options.onNote(texts.tasks.notArrived);
      await delay(clock, Math.min(firstDelayMs * 2 ** tries, maxDelayMs), signal);
      signal.throwIfAborted();
    }
  }
}

function withKey(error: unknown, hint: string): unknown {
  return error instanceof MeshError
    ? new MeshError(error.code, error.message, { hint, cause: error })
    : error;
}
