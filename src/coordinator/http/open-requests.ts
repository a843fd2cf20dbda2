import { MeshError } from "../../protocol/errors.ts";
import { clientKey } from "./client-key.ts";
import { tooMany } from "./client-places.ts";

/** Requests of all clients together that are not answered yet; each may hold a body. */
export const maxOpenRequests = 20_000;

/** Counts requests that are not answered yet. */
export interface OpenRequests<Request extends object> {
  /** Throws TOO_MANY_REQUESTS; then the request is not counted. */
  readonly begin: (request: Request, addressOf: (request: Request) => string) => void;
  readonly end: (request: Request) => void;
  readonly count: () => number;
}

/**
 * Asking for an address costs more than all else here. While fewer requests are open than one client may have, nobody
 * can have too many and nobody is asked; from then on the open ones are told apart, each once.
 */
export function createOpenRequests<Request extends object>(perClient: number): OpenRequests<Request> {
  const unasked = new Set<Request>();
  /** null: a client without a limit of its own. */
  const asked = new Map<Request, string | null>();
  const counts = new Map<string, number>();

  const ask = (request: Request, key: string | null) => {
    asked.set(request, key);
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  };

  return {
    count: () => unasked.size + asked.size,
    begin: (request, addressOf) => {
      const count = unasked.size + asked.size;
      if (count < perClient) {
        unasked.add(request);
        return;
      }
      if (count >= maxOpenRequests) {
        throw new MeshError("TOO_MANY_REQUESTS", `${count} requests are open already.`);
      }
      for (const open of unasked) ask(open, clientKey(addressOf(open)));
      unasked.clear();
      const key = clientKey(addressOf(request));
      if (key !== null && (counts.get(key) ?? 0) >= perClient) throw tooMany("requests", perClient);
      ask(request, key);
    },
    end: (request) => {
      if (unasked.delete(request)) return;
      const key = asked.get(request);
      asked.delete(request);
      if (key === undefined || key === null) return;
      const left = (counts.get(key) ?? 1) - 1;
      if (left === 0) counts.delete(key);
      else counts.set(key, left);
    },
  };
}
