import { type OnFault, raiseFault } from "./fault.ts";

/** Stops listening. */
export type Unsubscribe = () => void;

/**
 * A typed event map made audible. Listeners run in order of subscription, within the emit. One that throws keeps neither
 * the others from hearing nor the emitter's caller from going on.
 */
export interface EventEmitter<Events extends object> {
  readonly emit: <Type extends keyof Events>(type: Type, event: Events[Type]) => void;
  readonly on: <Type extends keyof Events>(
    type: Type,
    listener: (event: Events[Type]) => void,
  ) => Unsubscribe;
}

/** `onFault` hears what listeners throw; without it such a fault ends the process. */
export function createEventEmitter<Events extends object>(
  onFault: OnFault = raiseFault,
): EventEmitter<Events> {
  const listeners = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    emit: (type, event) => {
      const ofType = listeners.get(type);
      if (ofType === undefined) return;
      for (const listener of ofType) {
        try {
          (listener as (event: unknown) => void)(event);
        } catch (error) {
          onFault(error);
        }
      }
    },
    on: (type, listener) => {
      const ofType = listeners.get(type) ?? new Set();
      listeners.set(type, ofType);
      ofType.add(listener);
      return () => ofType.delete(listener);
    },
  };
}
