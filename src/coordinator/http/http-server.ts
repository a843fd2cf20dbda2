import type { LinkServer } from "../../link/link-server.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { ServedCertificate } from "../../platform/tls/own-certificates.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Caller } from "../auth/guess-guard.ts";
import type { Principal } from "../auth/principal.ts";
import { createAdmission } from "./admission.ts";
import { createBrowserChecks } from "./browser-checks.ts";
import type { RouteAudit } from "./call.ts";
import { createClientPlaces } from "./client-places.ts";
import { createContractRoutes, type Handlers, idleTimeoutS } from "./contract-routes.ts";
import type { LinkHolds } from "./link-holds.ts";
import { createLinkUpgrade } from "./link-upgrade.ts";
import { type Listener, listenAddress, openListener } from "./listener.ts";
import { createOpenRequests } from "./open-requests.ts";

export type { Handlers } from "./contract-routes.ts";

interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  /** Requests and links that one client may have open. */
  readonly maxRequestsPerClient: number;
  readonly maxLinksPerClient: number;
  /** Names that browsers may call the coordinator by: those of the configuration, and the machine's own. */
  readonly allowedHosts: readonly string[];
  readonly machineNames: readonly string[];
  readonly handlers: Handlers;
  readonly authenticator: Authenticator;
  /** Told of every call of a route with `audits`. */
  readonly audit: RouteAudit;
  readonly linkHolds: LinkHolds;
  readonly links: LinkServer<Principal>;
  /** Whether anybody may still join with an invite; asked before anything else of its call is looked at. */
  readonly isInviteOpen: (inviteHash: string, from: Caller) => Promise<boolean>;
  /** null: plain HTTP. */
  readonly tls: ServedCertificate | null;
  readonly clock: Clock;
  readonly log: Log;
}

export type HttpServer = Listener;

/** Puts the contract behind a port. */
export function startHttpServer(options: HttpServerOptions): HttpServer {
  const { links } = options;
  const { routes, unknown, failed } = createContractRoutes({
    maxBodyBytes: options.maxBodyBytes,
    handlers: options.handlers,
    admission: createAdmission({
      authenticator: options.authenticator,
      browserChecks: createBrowserChecks(options),
    }),
    openRequests: createOpenRequests(options.maxRequestsPerClient),
    audit: options.audit,
    upgradeLink: createLinkUpgrade({
      links,
      holds: options.linkHolds,
      places: createClientPlaces({ what: "links", perClient: options.maxLinksPerClient }),
    }),
    isInviteOpen: options.isInviteOpen,
    log: options.log,
  });

  return openListener(
    { hostname: listenAddress(options.host), port: options.port, tls: options.tls },
    {
      clock: options.clock,
      log: options.log,
      serve: ({ hostname, port, tls }) =>
        Bun.serve({
          hostname,
          port,
          ...(tls === null ? {} : { tls: { cert: tls.cert, key: tls.key.reveal() } }),
          idleTimeout: idleTimeoutS,
          // Longer bodies are refused by readBody, with a code; Bun's own refusal has no body.
          maxRequestBodySize: Number.MAX_SAFE_INTEGER,
          development: false,
          // Without it, `development: false` lets a second coordinator bind the same port.
          reusePort: false,
          routes: routes as never,
          fetch: unknown,
          error: failed,
          websocket: links.websocket as never,
        }),
    },
  );
}
