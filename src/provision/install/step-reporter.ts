import type { OnProvisionProgress, ProvisionStep } from "../provision-step.ts";
import type { PlannedStep } from "./install-plan.ts";

/** Tells what becomes of planned steps. */
export interface StepReporter {
  /** Runs the step of the plan that `isIt` finds, between its start and its end. A plan without it runs it untold. */
  readonly run: <T>(
    isIt: (step: ProvisionStep) => boolean,
    action: (moving: (doneBytes: number, totalBytes: number | null) => void) => Promise<T>,
  ) => Promise<T>;
}

/** Steps that need not be done are told at once. */
export function createStepReporter(
  steps: readonly PlannedStep[],
  onProgress: OnProvisionProgress,
): StepReporter {
  for (const { step, skipped } of steps)
    if (skipped !== null) onProgress({ step, state: "skipped", why: skipped });
  return {
    run: async (isIt, action) => {
      const step = steps.find((planned) => planned.skipped === null && isIt(planned.step))?.step;
      if (step === undefined) return await action(() => {});
      onProgress({ step, state: "started" });
      const result = await action((doneBytes, totalBytes) =>
        onProgress({ step, state: "moving", doneBytes, totalBytes }),
      );
      onProgress({ step, state: "done" });
      return result;
    },
  };
}
