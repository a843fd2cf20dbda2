import type { RuntimeKind } from "../../src/protocol/capability.ts";
import type { AttemptKey } from "../../src/protocol/ids.ts";
import type {
  RunControl,
  RunOutcome,
  Runtime,
  RuntimeAttempt,
  StopReason,
} from "../../src/runtimes/runtime.ts";

/** A run whose course the test decides. */
export interface ScriptedRun {
  readonly attempt: RuntimeAttempt;
  readonly control: RunControl;
  /** Appends text. */
  readonly say: (text: string) => void;
  readonly settle: (outcome: RunOutcome) => void;
  readonly succeed: (text: string) => void;
  /** The reason it was asked to stop with; waits for it. */
  readonly stopped: Promise<StopReason>;
}

export interface ScriptedRuntime extends Runtime {
  readonly runs: ScriptedRun[];
  readonly fenced: AttemptKey[];
  /** The next run that begins, in order; also those that began already. */
  readonly nextRun: () => Promise<ScriptedRun>;
  readonly setReady: (reason: string | null) => void;
}

export interface ScriptedRuntimeOptions {
  readonly kind?: RuntimeKind;
  readonly slots?: number;
  /** Answers `reattach`; default: knows nothing. */
  readonly reattach?: (attempt: RuntimeAttempt, control: RunControl) => Promise<RunOutcome | null>;
  readonly canFence?: boolean;
}

export function createScriptedRuntime(options: ScriptedRuntimeOptions = {}): ScriptedRuntime {
  const kind = options.kind ?? "echo";
  const runs: ScriptedRun[] = [];
  const unread: ScriptedRun[] = [];
  const waiters: ((run: ScriptedRun) => void)[] = [];
  const fenced: AttemptKey[] = [];
  let reason: string | null = null;
  return {
    kind,
    location: "test",
    runs,
    fenced,
    setReady: (why) => {
      reason = why;
    },
    nextRun: () => {
      const run = unread.shift();
      if (run !== undefined) return Promise.resolve(run);
      return new Promise((resolve) => waiters.push(resolve));
    },
    probe: () =>
      Promise.resolve({
        status: { kind, version: null, ready: reason === null, reason, active: null, queued: null },
        slots: options.slots ?? null,
      }),
    run: (attempt, control) => {
      const outcome = Promise.withResolvers<RunOutcome>();
      const stopped = Promise.withResolvers<StopReason>();
      control.signal.addEventListener("abort", () => stopped.resolve(control.signal.reason), { once: true });
      let length = 0;
      const run: ScriptedRun = {
        attempt,
        control,
        say: (text) => {
          control.onChunk({ offset: length, text });
          length += text.length;
        },
        settle: outcome.resolve,
        succeed: (text) => outcome.resolve({ kind: "succeeded", text }),
        stopped: stopped.promise,
      };
      runs.push(run);
      const waiter = waiters.shift();
      if (waiter === undefined) unread.push(run);
      else waiter(run);
      return outcome.promise;
    },
    reattach: options.reattach ?? (() => Promise.resolve(null)),
    fence: (attempt) => {
      fenced.push(attempt.key);
      return Promise.resolve(options.canFence ?? true);
    },
    close: () => {
      for (const run of runs) {
        run.settle({ kind: "lost", started: true, fenced: false, reason: "closed" });
      }
      return Promise.resolve();
    },
  };
}
