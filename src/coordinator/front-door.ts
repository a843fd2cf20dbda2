import { machineNames } from "../platform/machine-names.ts";
import type { EntranceParts } from "./assembly/entrance-parts.ts";
import type { MeshParts } from "./assembly/mesh-parts.ts";
import type { Surroundings } from "./assembly/surroundings.ts";
import type { TaskParts } from "./assembly/task-parts.ts";
import type { Audit } from "./audit/audit.ts";
import { createAuditRoutes } from "./audit/routes.ts";
import { createAccessRoutes } from "./auth/routes.ts";
import { tokenNamed } from "./auth/token-info.ts";
import type { CoordinatorOptions } from "./coordinator-options.ts";
import { createDirectRoutes } from "./direct/routes.ts";
import { type Handlers, type HttpServer, startHttpServer } from "./http/http-server.ts";
import { createServiceRoutes } from "./http/service-routes.ts";
import { createNodeRoutes } from "./nodes/routes.ts";
import { createSkillRoutes } from "./nodes/skill-routes.ts";
import { createPageRoutes } from "./page/routes.ts";
import { createRoutingRoutes } from "./routing/routes.ts";
import { createSeedRoutes } from "./seed/routes.ts";
import { createTaskRoutes } from "./tasks/routes.ts";
import type { ServerCertificate } from "./tls/server-certificate.ts";

interface FrontDoorParts extends MeshParts, TaskParts, EntranceParts {
  readonly options: CoordinatorOptions;
  readonly certificate: ServerCertificate | null;
  readonly audit: Audit;
  /** Turns false when the coordinator stops. */
  readonly isReady: () => boolean;
}

/** Opens the port, with all routes behind it. */
export function openFrontDoor(parts: FrontDoorParts, surroundings: Surroundings): HttpServer {
  const { options, certificate, audit, access, links, linkHolds } = parts;
  const { clock, log } = surroundings;
  return startHttpServer({
    host: options.host,
    port: options.port,
    tls: certificate?.served() ?? null,
    clock,
    maxBodyBytes: options.limits.bodyBytes,
    maxRequestsPerClient: options.limits.requestsPerClient,
    maxLinksPerClient: options.limits.linksPerClient,
    allowedHosts: options.allowedHosts,
    machineNames: machineNames(),
    authenticator: access.authenticator,
    audit: audit.recordCall,
    links,
    linkHolds,
    isInviteOpen: access.invites.isKnown,
    log,
    handlers: audit.onlyAudited(createHandlers(parts, surroundings)),
  });
}

function createHandlers(parts: FrontDoorParts, surroundings: Surroundings): Handlers {
  const { options, audit, registry, groups, router, rules, engine, access, directNodes } = parts;
  const { store, clock, ids, deadlines, events, log } = surroundings;
  const { streams: overall, streamsPerClient: perClient } = options.limits;
  return {
    ...createServiceRoutes({
      meshId: store.meshId,
      version: options.version,
      isReady: parts.isReady,
      storeTrouble: store.trouble,
    }),
    ...createAccessRoutes({ access, nodeNameOf: (id) => registry.findKnown(id)?.name ?? null }),
    ...createPageRoutes(),
    ...createTaskRoutes({
      engine,
      store: store.tasks,
      registry,
      groups,
      subjectNamed: (name) => tokenNamed(access.tokens.list(), name),
      events,
      clock,
      deadlines,
      streamLimits: { overall, perClient },
      ids,
      log,
    }),
    ...createDirectRoutes({
      nodes: directNodes,
      registry,
      invites: access.invites,
      allowPrivate: options.allowPrivate,
      hasTls: parts.certificate !== null,
      clock,
      ids,
      log,
    }),
    ...createNodeRoutes({ registry, clock, groupsOf: groups.of }),
    ...createSkillRoutes({ registry, clock }),
    ...createSeedRoutes({ seed: options.seed ?? null, log }),
    ...createRoutingRoutes({ router, rules, groups }),
    ...createAuditRoutes({ store: store.audit, ...audit }),
  };
}
