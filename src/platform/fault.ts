/** Hears of a throw that was confined to the place where it happened. It is a fault of this program: log it. */
export type OnFault = (error: unknown) => void;

/**
 * Leaves a fault to the last resort of the process, which ends it; but outside the call that met the fault, so that the
 * others of its batch have had their turn.
 */
export const raiseFault: OnFault = (error) => {
  queueMicrotask(() => {
    throw error;
  });
};
