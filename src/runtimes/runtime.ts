import type { RuntimeKind } from "../protocol/capability.ts";
import type { Failure } from "../protocol/failure.ts";
import type { AttemptKey } from "../protocol/ids.ts";
import type { Effects } from "../protocol/message.ts";
import type { RuntimeStatus } from "../protocol/node.ts";
import type { Labels } from "../protocol/rule.ts";

/** What a node agent asks a runtime to do. */
export interface RuntimeAttempt {
  /** The only identity the runtime sees; adapters use it as idempotency key or run id. */
  readonly key: AttemptKey;
  readonly content: string;
  readonly source: string;
  /** `key`: 32 hex digits, differs between owners of equal names. null: a message on its own. */
  readonly session: { readonly key: string; readonly name: string } | null;
  readonly labels: Labels;
  readonly effects: Effects;
  /** What is left of the task's time when the attempt is handed over; the adapter ends its run by then. */
  readonly timeoutMs: number;
  /** The text is another owner's: data, whatever it says. An adapter passes it on where its runtime can be told. */
  readonly isUntrusted: boolean;
}

/** A piece of the text so far. An offset (UTF-16 code units) lower than the length so far: the text starts again there. */
export interface RunChunk {
  readonly offset: number;
  readonly text: string;
}

/** Why {@link RunControl.signal} was aborted; it is the signal's `reason`. */
export type StopReason = "cancelled" | "timeout" | "superseded";

export interface RunControl {
  /** Called in order, never after the run has settled. Must not throw. */
  readonly onChunk: (chunk: RunChunk) => void;
  /** true: the gateway was lost and the adapter waits for it to come back; false: it is back. */
  readonly onRecovering: (isRecovering: boolean) => void;
  /** Aborted with a {@link StopReason}: stop the run in the gateway, then settle. */
  readonly signal: AbortSignal;
}

/** How a run ended. Adapters settle with one of these and reject only for faults of their own. */
export type RunOutcome =
  | { readonly kind: "succeeded"; readonly text: string }
  /** `failure.class` is `runtime_error` (with `kind`), `refused` (nothing was started), `too_large` or `timeout`. */
  | { readonly kind: "failed"; readonly failure: Failure }
  /** Stopped on request, and the gateway confirmed it or nothing had been submitted. */
  | { readonly kind: "cancelled" }
  /** The adapter cannot learn what became of the run. `started: false` only when the gateway surely never saw it. */
  | { readonly kind: "lost"; readonly started: boolean; readonly fenced: boolean; readonly reason: string };

/** One AI agent software on this machine, behind one interface. Every adapter passes test/contract/runtime.ts. */
export interface Runtime {
  readonly kind: RuntimeKind;
  /** How the runtime is reached, for people: an address or a command, without secrets. */
  readonly location: string;

  /** Asks for version, readiness and load. Never rejects; takes at most 3 s. */
  probe(): Promise<RuntimeProbe>;

  /** Runs one attempt. Resolves when the outcome is known or cannot become known. */
  run(attempt: RuntimeAttempt, control: RunControl): Promise<RunOutcome>;

  /**
   * Takes up an attempt that a former node agent process had started. null: this runtime cannot, or knows nothing of
   * it; the caller then reports it lost.
   */
  reattach(attempt: RuntimeAttempt, control: RunControl): Promise<RunOutcome | null>;

  /**
   * Makes sure that the attempt's run does nothing more, now or after a restart of the gateway.
   * @returns whether that is certain
   */
  fence(attempt: RuntimeAttempt): Promise<boolean>;

  /** Lets go of connections and processes; running runs settle as lost. */
  close(): Promise<void>;
}

export interface RuntimeProbe {
  readonly status: RuntimeStatus;
  /** How many attempts the runtime itself works on at once; null when it does not tell. */
  readonly slots: number | null;
}
