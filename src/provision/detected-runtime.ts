import type { RuntimeKind } from "../protocol/capability.ts";
import type { Secret } from "../protocol/secret.ts";

/** A runtime, or the program of one, that was found on this machine. Nothing was started to find it. */
export interface DetectedRuntime {
  readonly kind: RuntimeKind;
  /** What people call it: `OpenClaw`, `Ollama`, `LM Studio`, `Claude Code (ACP)`. */
  readonly product: string;
  /** null: it does not tell without being started. */
  readonly version: string | null;
  /** Path of its program; null: only its gateway was found. */
  readonly program: string | null;
  /** Address of its gateway; null: it has none, or none is known. */
  readonly endpoint: string | null;
  readonly token: Secret | null;
  /** For `acp`: program and arguments that start the agent. */
  readonly command: readonly string[] | null;
  /** `ready`: it takes messages now. `stopped`: installed and not running. `not_ready`: running, but see `problem`. */
  readonly state: "ready" | "stopped" | "not_ready";
  /** One sentence and what to do; null when it is ready. */
  readonly problem: { readonly message: string; readonly remedy: string } | null;
  /** Somebody else than this user or root listens at its port: it gets no key, and is never chosen unasked. */
  readonly isForeign?: boolean;
  /** An agent that only leads to the gateway of another kind, which has an adapter of its own. */
  readonly leadsTo?: RuntimeKind;
  /** How it was found: `configuration ~/.openclaw/openclaw.json`, `answers at 127.0.0.1:11434`, `claude-agent-acp on PATH`. */
  readonly foundBy: string;
}
