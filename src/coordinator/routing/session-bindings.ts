import type { SessionBinding } from "../../domain/routing/index.ts";
import { bindingTtlMs, maxBindings } from "../../store/sessions.ts";

/** Which node each conversation lives on. Forgets what the store forgets: what was unused for long, and the oldest beyond a number. */
export interface SessionBindings {
  readonly find: (subject: string, session: string) => SessionBinding | undefined;
  /** Times never go back from one call to the next, but for what the clock does. */
  readonly put: (subject: string, session: string, binding: SessionBinding) => void;
  readonly remove: (subject: string, session: string) => void;
  readonly size: () => number;
}

export function createSessionBindings(): SessionBindings {
  /** In the order of their last use. */
  const bindings = new Map<string, SessionBinding>();

  function prune(nowMs: number): void {
    for (const [key, { lastUsedAtMs }] of bindings) {
      if (bindings.size <= maxBindings && lastUsedAtMs >= nowMs - bindingTtlMs) return;
      bindings.delete(key);
    }
  }

  return {
    find: (subject, session) => bindings.get(keyOf(subject, session)),
    put: (subject, session, binding) => {
      const key = keyOf(subject, session);
      bindings.delete(key);
      bindings.set(key, binding);
      prune(binding.lastUsedAtMs);
    },
    remove: (subject, session) => void bindings.delete(keyOf(subject, session)),
    size: () => bindings.size,
  };
}

function keyOf(subject: string, session: string): string {
  return `${subject}\n${session}`;
}
