import { redactText } from "../../protocol/redact-text.ts";
import type { Secret } from "../../protocol/secret.ts";
import { createBoundedAttempts } from "../bounded-attempts.ts";
import { describeProgram } from "../program-environment.ts";
import type { RunOutcome, Runtime } from "../runtime.ts";
import { tidyLine } from "../tidy-line.ts";
import { type AcpOptions, createAdapter } from "./adapter.ts";
import { runMessage } from "./message-run.ts";
import { probeAgent } from "./probe.ts";

/**
 * Any agent that speaks the Agent Client Protocol over standard input and output. One process serves all messages; it is
 * started with the first probe or message, and again when it has died. docs/how-to/acp.md
 */
export function createAcpRuntime(options: AcpOptions): Runtime {
  const adapter = createAdapter(options);
  const attempts = createBoundedAttempts(options.clock);
  return {
    kind: "acp",
    location: redactText(describeProgram(options.settings.command), adapter.secrets),
    probe: () => probeAgent(adapter),
    run: (attempt, control) =>
      attempts.run(attempt, control, async (signal) => {
        const outcome = await runMessage(adapter, attempt, { signal, onChunk: control.onChunk });
        return tidyOutcome(outcome, adapter.secrets);
      }),
    reattach: () => Promise.resolve(null),
    fence: ({ key }) => attempts.fence(key),
    close: async () => {
      await attempts.close();
      await adapter.close();
    },
  };
}

/** The agent had a part in these texts: no key gets through, nor more than a line. */
function tidyOutcome(outcome: RunOutcome, secrets: readonly Secret[]): RunOutcome {
  if (outcome.kind === "lost") return { ...outcome, reason: tidyLine(outcome.reason, secrets) };
  if (outcome.kind !== "failed") return outcome;
  const failure = { ...outcome.failure, message: tidyLine(outcome.failure.message, secrets) };
  return { kind: "failed", failure };
}
