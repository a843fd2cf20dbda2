import type { MeshClient } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { contract } from "../protocol/http/contract.ts";
import type { TaskInput } from "../protocol/message.ts";
import type { TaskInfo } from "../protocol/task.ts";
import { isSurelyNotSent, isUnsure, mayPass, mayPassAgain } from "./connection-loss.ts";
import type { Repeat } from "./repeat.ts";
import { withFurtherHint } from "./with-hint.ts";

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
  readonly repeat: Repeat;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/**
 * Queues a message. When it is unsure whether it arrived it is sent again under the same key, so it is queued once.
 * @throws MeshError COORDINATOR_UNREACHABLE at once when it surely did not arrive; with the key in the hint whenever it
 * may be queued all the same, also when it is left by Ctrl-C
 */
export async function submitTask(options: SubmitOptions): Promise<TaskInfo> {
  const { client, clock, input, repeat, signal, texts } = options;
  const giveUpAtMs = clock.monotonicMs() + maxUnsureMs;
  const headers = { "idempotency-key": repeat.key };
  let mayBeQueued = false;
  signal.throwIfAborted();
  for (let tries = 0; ; tries += 1) {
    try {
      return await client.call(contract.addTask, { body: input }, { headers, signal });
    } catch (error) {
      const isWorthIt = mayBeQueued ? mayPassAgain(error) : mayPass(error) && !isSurelyNotSent(error);
      // What was left in flight may have arrived.
      mayBeQueued ||= signal.aborted || isUnsure(error);
      if (signal.aborted || clock.monotonicMs() >= giveUpAtMs || !isWorthIt) {
        throw mayBeQueued ? withFurtherHint(error, texts.tasks.unsureHint(repeat), texts) : error;
      }
      if (tries === 0) options.onNote(texts.tasks.notArrived);
      await delay(clock, Math.min(firstDelayMs * 2 ** tries, maxDelayMs), signal);
    }
  }
}
