import type { HttpFetch } from "../platform/http-fetch.ts";
import { explainForeign, findPortOwner } from "../platform/port-owner.ts";

/** Of an address where somebody else listens, or nobody; the message says who. */
export class OwnerError extends Error {
  override readonly name = "OwnerError";
  readonly code = "NOT_OWN_PORT";
}

/** A fetch that sends nothing to a port of this machine at which neither this user nor root listens: it rejects with {@link OwnerError}. */
export function withOwnerCheck(fetch: HttpFetch): HttpFetch {
  return async (url, init) => {
    const problem = explainForeign(findPortOwner(url));
    if (problem !== null) throw new OwnerError(problem);
    return await fetch(url, init);
  };
}
