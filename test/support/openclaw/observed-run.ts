import { systemIds } from "../../../src/platform/ids.ts";
import { toAttemptKey } from "../../../src/protocol/ids.ts";
import type {
  RunChunk,
  RunOutcome,
  Runtime,
  RuntimeAttempt,
  StopReason,
} from "../../../src/runtimes/runtime.ts";

/** A run with everything that its caller was told. */
export interface WatchedRun {
  readonly attempt: RuntimeAttempt;
  readonly outcome: Promise<RunOutcome>;
  readonly chunks: readonly RunChunk[];
  /** What the chunks amount to. */
  readonly text: () => string;
  /** Values of `onRecovering`, in order. */
  readonly recovering: readonly boolean[];
  /** Resolves with the first chunk, or when the run has settled without one. */
  readonly firstChunk: Promise<void>;
  readonly stop: (reason: StopReason) => void;
}

export function createTestAttempt(content: string, parts: Partial<RuntimeAttempt> = {}): RuntimeAttempt {
  return {
    key: toAttemptKey(systemIds.task(), 1),
    content,
    source: "test",
    session: null,
    labels: {},
    effects: "unsafe",
    timeoutMs: 60_000,
    isUntrusted: false,
    ...parts,
  };
}

/** A text that no other test uses: the provider counts by it. */
export function uniqueText(words: string): string {
  return `${words} ${crypto.randomUUID().slice(0, 8)}`;
}

type Start = "run" | "reattach";

/** Hands the attempt over; a reattach that knows nothing settles as lost. */
export function watch(runtime: Runtime, attempt: RuntimeAttempt, start: Start = "run"): WatchedRun {
  const controller = new AbortController();
  const chunks: RunChunk[] = [];
  const recovering: boolean[] = [];
  const first = Promise.withResolvers<void>();
  let text = "";
  const control = {
    onChunk: (chunk: RunChunk) => {
      if (chunk.offset > text.length)
        throw new Error(`a chunk at ${chunk.offset} leaves a gap after ${text.length}`);
      text = text.slice(0, chunk.offset) + chunk.text;
      chunks.push(chunk);
      first.resolve();
    },
    onRecovering: (isRecovering: boolean) => void recovering.push(isRecovering),
    signal: controller.signal,
  };
  const settle = async (): Promise<RunOutcome> => {
    const outcome = await runtime[start](attempt, control);
    first.resolve();
    return (
      outcome ?? { kind: "lost", started: false, fenced: false, reason: "the runtime knows nothing of it" }
    );
  };
  return {
    attempt,
    outcome: settle(),
    chunks,
    text: () => text,
    recovering,
    firstChunk: first.promise,
    stop: (reason) => controller.abort(reason),
  };
}
