import { pageKeyHeader } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { RouteContract } from "../../protocol/http/route.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { anonymous, type Principal } from "../auth/principal.ts";
import type { BrowserChecks } from "./browser-checks.ts";

/** A request, and what the server knows of its connection. */
export interface Arrival {
  readonly headers: Headers;
  readonly scheme: "http" | "https";
  readonly address: () => string;
}

/** Tells who calls, and whether a browser may call so. */
export interface Admission {
  /** The caller. Throws what the authenticator and {@link BrowserChecks} throw. */
  readonly identify: (route: RouteContract, arrival: Arrival) => Principal;
  /** Called by a name that is not the coordinator's own. */
  readonly isByOtherName: (headers: Headers) => boolean;
  /** Throws HOST_INVALID. */
  readonly assertHost: (headers: Headers) => void;
  /** Whether a browser that loads this shall never again speak plain HTTP with this name. */
  readonly wantsTls: (route: RouteContract, arrival: Pick<Arrival, "headers" | "scheme">) => boolean;
}

interface AdmissionOptions {
  readonly authenticator: Authenticator;
  readonly browserChecks: BrowserChecks;
}

export function createAdmission({ authenticator, browserChecks }: AdmissionOptions): Admission {
  /** Pages, the routes of the login, and WebSockets that a page opens. */
  function checkBrowser(route: RouteContract, { headers, scheme }: Arrival): void {
    switch (route.browsers) {
      case "page":
        browserChecks.assertOwnHost(headers);
        return;
      case "session": {
        browserChecks.assertOwnHost(headers);
        // Without an Origin a login comes from no browser; an end of one would be anybody's who can send a cookie along.
        const isChange = route.method === "DELETE" && headers.get("cookie") !== null;
        browserChecks.assertOwnPage(headers, { scheme, isChange });
        return;
      }
      case "socket":
        if (headers.get("origin") === null) return;
        browserChecks.assertOwnHost(headers);
        browserChecks.assertOwnPage(headers, { scheme, isChange: true });
        return;
      case undefined:
        return;
      default:
        route.browsers satisfies never;
    }
  }

  function assertOwnPage(route: RouteContract, { headers, scheme }: Arrival): void {
    browserChecks.assertOwnHost(headers);
    const isChange = route.method !== "GET" || route.browsers === "socket";
    browserChecks.assertOwnPage(headers, { scheme, isChange });
  }

  const isByOtherName = (headers: Headers) => !browserChecks.isOwnHost(headers);

  return {
    identify: (route, arrival) => {
      const { headers, address } = arrival;
      browserChecks.assertHost(headers);
      if (route.browsers !== undefined) checkBrowser(route, arrival);
      if (isOpenToAll(route)) return anonymous;
      const authorization = headers.get("authorization");
      // Before the token is looked at: what a page of somebody else shows is no guess of whoever looks at that page.
      if (authorization !== null && headers.get("origin") !== null) assertOwnPage(route, arrival);
      return authenticator.authenticate({
        authorization,
        cookie: headers.get("cookie"),
        pageKey: headers.get(pageKeyHeader),
        address,
        assertOwnPage: () => assertOwnPage(route, arrival),
        isByOtherName: () => isByOtherName(headers),
      });
    },
    isByOtherName,
    assertHost: browserChecks.assertHost,
    // Of other names the owner has not said that they are this coordinator's alone: the promise holds for all ports.
    wantsTls: ({ browsers }, { headers, scheme }) =>
      scheme === "https" && browsers === "page" && browserChecks.isConfiguredHost(headers),
  };
}

/** Throws TOKEN_MISSING or SCOPE_MISSING when none of the route's scopes is among the caller's. */
export function assertScope(route: RouteContract, principal: Principal): void {
  if (isOpenToAll(route) || route.scopes.some((scope) => principal.scopes.has(scope))) return;
  if (principal === anonymous) throw new MeshError("TOKEN_MISSING", "This route needs a token.");
  throw new MeshError(
    "SCOPE_MISSING",
    `This route needs a token with the scope ${route.scopes.join(" or ")}.`,
  );
}

export function isOpenToAll(route: RouteContract): boolean {
  return route.scopes[0] === "none";
}
