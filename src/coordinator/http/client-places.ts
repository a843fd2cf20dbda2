import { MeshError } from "../../protocol/errors.ts";
import { clientKey } from "./client-key.ts";

/** Counts what each client holds open. */
export interface ClientPlaces {
  /**
   * Throws TOO_MANY_REQUESTS when the client holds as many as it may.
   * @returns gives the place back; further calls do nothing
   */
  readonly take: (address: string) => () => void;
  /** Clients that hold any. */
  readonly clients: () => number;
}

interface ClientPlacesOptions {
  /** What is counted, as people call it: `streams`. */
  readonly what: string;
  readonly perClient: number;
}

export function createClientPlaces({ what, perClient }: ClientPlacesOptions): ClientPlaces {
  const held = new Map<string, number>();
  return {
    clients: () => held.size,
    take: (address) => {
      const key = clientKey(address);
      if (key === null) return () => undefined;
      const count = held.get(key) ?? 0;
      if (count >= perClient) throw tooMany(what, perClient);
      held.set(key, count + 1);
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (held.get(key) ?? 1) - 1;
        if (left === 0) held.delete(key);
        else held.set(key, left);
      };
    },
  };
}

export function tooMany(what: string, limit: number): MeshError {
  return new MeshError("TOO_MANY_REQUESTS", `Your address has ${limit} ${what} open already.`);
}
