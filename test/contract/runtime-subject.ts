import { systemClock } from "../../src/platform/clock.ts";
import { systemIds } from "../../src/platform/ids.ts";
import type { RuntimeKind } from "../../src/protocol/capability.ts";
import type { Failure } from "../../src/protocol/failure.ts";
import { type AttemptKey, toAttemptKey } from "../../src/protocol/ids.ts";
import type {
  RunChunk,
  RunOutcome,
  Runtime,
  RuntimeAttempt,
  StopReason,
} from "../../src/runtimes/runtime.ts";

/**
 * A message that makes the provider or gateway behind the runtime fail, and what must become of it. The subject has to
 * work again for the next message.
 */
export interface FailingMessage {
  /** Continues the sentence "fails when …". */
  readonly when: string;
  readonly content: string;
  readonly expected: Pick<Failure, "class" | "kind">;
  /** What the provider or gateway says; it must never come back as an answer. */
  readonly errorText: string;
  /** For a provider that is retried for minutes: the attempt's own short deadline. */
  readonly timeoutMs?: number;
}

/**
 * An adapter and the faithful protocol server, or the real program, behind it. Everything but `open` and `close` may
 * be called only between the two; the data fields are read before.
 */
export interface RuntimeSubject {
  readonly kind: RuntimeKind;
  /** Starts what stands behind the runtime. */
  readonly open: () => Promise<void>;
  readonly close: () => Promise<void>;

  /** A new adapter on the working gateway; the suite closes it. */
  readonly createRuntime: () => Runtime;
  /** As `createRuntime`, for `slowMessage`; the same unless slowness is the adapter's own setting. */
  readonly createSlowRuntime: () => Runtime;
  /** An adapter with an address where nothing listens; null when there is no gateway. */
  readonly createUnreachableRuntime: (() => Runtime) | null;
  /** An adapter with a wrong token, itself one of `secrets`; null when there are no tokens. */
  readonly createUnauthorizedRuntime: (() => Runtime) | null;

  /** A message whose answer contains the word. */
  readonly plainMessage: (word: string) => string;
  /** A message whose answer contains the word and takes at least 20 s. */
  readonly slowMessage: (word: string) => string;
  /** Whether a slow answer shows its first text within 5 s. */
  readonly streamsSlowly: boolean;
  /**
   * Whether the runtime tells that a run was stopped once it was asked to; default true. false: a message that is cancelled
   * after its start is lost, with an outcome that nobody knows.
   */
  readonly confirmsStop?: boolean;
  /** A message whose answer repeats the earlier messages of its session; null when sessions are not kept. */
  readonly recallMessage: string | null;
  /** A message whose answer is longer than 8 MiB; null when the subject cannot make one. */
  readonly tooLongMessage: string | null;
  readonly failingMessages: readonly FailingMessage[];
  /**
   * Takes the gateway away from all running work for good (called last, during a slow message); null when there is no
   * gateway.
   */
  readonly loseGateway: (() => Promise<void>) | null;

  /** Texts that may appear in no reason and no failure: tokens, above all. */
  readonly secrets: readonly string[];
  /** The longest a plain answer may take; default 5,000 ms. */
  readonly patienceMs?: number;
}

/** A run under observation: its chunks put together by the offset rule, and how it ended. */
export interface ObservedRun {
  readonly outcome: Promise<RunOutcome>;
  readonly chunks: readonly RunChunk[];
  /** The text that the chunks so far amount to. */
  readonly text: () => string;
  /** Resolves with the first chunk, or when the run has settled without one. */
  readonly firstChunk: Promise<void>;
  readonly stop: (reason: StopReason) => void;
}

/** An attempt as a node agent would hand it over, with the parts that a test cares about. */
export function createAttempt(content: string, parts: Partial<RuntimeAttempt> = {}): RuntimeAttempt {
  return {
    key: createAttemptKey(),
    content,
    source: "contract",
    session: null,
    labels: {},
    effects: "unsafe",
    timeoutMs: 60_000,
    isUntrusted: false,
    ...parts,
  };
}

export function createAttemptKey(): AttemptKey {
  return toAttemptKey(systemIds.task(), 1);
}

/** Starts the attempt and watches it; a chunk out of order or after the end fails `outcome`. */
export function observeRun(
  runtime: Runtime,
  attempt: RuntimeAttempt,
  controller = new AbortController(),
): ObservedRun {
  const chunks: RunChunk[] = [];
  const first = Promise.withResolvers<void>();
  let text = "";
  let fault: string | null = null;
  let hasSettled = false;
  const onChunk = (chunk: RunChunk) => {
    if (hasSettled) fault = "a chunk came after the run had settled";
    if (chunk.offset > text.length)
      fault = `a chunk at ${chunk.offset} leaves a gap after ${text.length} characters`;
    text = text.slice(0, chunk.offset) + chunk.text;
    chunks.push(chunk);
    first.resolve();
  };
  const settle = async () => {
    const outcome = await runtime.run(attempt, {
      onChunk,
      onRecovering: () => {},
      signal: controller.signal,
    });
    hasSettled = true;
    first.resolve();
    // A stray chunk can only be noticed by waiting for it.
    await Bun.sleep(50);
    if (fault !== null) throw new Error(fault);
    return outcome;
  };
  return {
    outcome: settle(),
    chunks,
    text: () => text,
    firstChunk: first.promise,
    stop: (reason) => controller.abort(reason),
  };
}

/** The promise, or an error that names the limit. */
export async function within<T>(limitMs: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = systemClock.after(limitMs, () => late.reject(new Error(`took more than ${limitMs} ms`)));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}
