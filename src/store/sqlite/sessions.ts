import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../../platform/sqlite.ts";
import { bindingTtlMs, maxBindings, type SessionStore } from "../sessions.ts";
import type { Committer } from "./committer.ts";
import { prepareSessionBindings } from "./statements/session-bindings.ts";

/** Bindings are pruned when they are listed and after so many writes of them; the limits are exceeded by less. */
const bindsPerPrune = 5_000;

export function createSessionStore(database: Database, committer: Committer, clock: Clock): SessionStore {
  const bindings = prepareSessionBindings(database);
  const prune = () => bindings.prune(clock.nowMs() - bindingTtlMs, maxBindings);
  let bindsSincePrune = 0;
  return {
    list: () =>
      committer.write("process", () => {
        prune();
        return bindings.list();
      }),
    bind: (subject, session, binding) =>
      committer.write("process", () => {
        bindings.bind(subject, session, binding);
        bindsSincePrune += 1;
        if (bindsSincePrune < bindsPerPrune) return;
        bindsSincePrune = 0;
        prune();
      }),
  };
}
