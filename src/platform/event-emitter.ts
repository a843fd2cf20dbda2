/** Stops listening. */
export type Unsubscribe = () => void;

/** A typed event map made audible. Listeners run in order of subscription, within the emit, and must not throw. */
export interface EventEmitter<Events extends object> {
  readonly emit: <Type extends keyof Events>(type: Type, event: Events[Type]) => void;
  readonly on: <Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void) => Unsubscribe;
}

export function createEventEmitter<Events extends object>(): EventEmitter<Events> {
  const listeners = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    emit: (type, event) => {
      const ofType = listeners.get(type);
      if (ofType === undefined) return;
      for (const listener of ofType) (listener as (event: unknown) => void)(event);
    },
    on: (type, listener) => {
      const ofType = listeners.get(type) ?? new Set();
      listeners.set(type, ofType);
      ofType.add(listener);
      return () => ofType.delete(listener);
    },
  };
}
