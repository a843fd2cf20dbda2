import { createLinkServer, type LinkServer } from "../../link/link-server.ts";
import { beatIntervalMs } from "../../link/liveness.ts";
import { createSafeFetch } from "../../platform/safe-fetch.ts";
import { closeCodes } from "../../protocol/link/v1/frames.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import type { JoinActs } from "../audit/join-acts.ts";
import { type Access, createAccess } from "../auth/access.ts";
import type { Principal } from "../auth/principal.ts";
import type { CoordinatorOptions } from "../coordinator-options.ts";
import { createDirectNodes, type DirectNodes } from "../direct/direct-nodes.ts";
import { createNodeLinks } from "../dispatch/node-links.ts";
import { createLinkHolds, type LinkHolds } from "../http/link-holds.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { MeshParts } from "./mesh-parts.ts";
import type { Surroundings } from "./surroundings.ts";
import type { TaskParts } from "./task-parts.ts";

/** Who may come in, and the two ways in which nodes do: by a link, or called at a direct endpoint. */
export interface EntranceParts {
  readonly access: Access;
  readonly directNodes: DirectNodes;
  readonly links: LinkServer<Principal>;
  readonly linkHolds: LinkHolds;
  /** Resolves when all goodbyes that came by a link are stored. */
  readonly untilLeft: () => Promise<void>;
}

interface EntranceOptions extends MeshParts, TaskParts, Pick<DataDirectory, "token" | "certificate"> {
  readonly options: Pick<CoordinatorOptions, "allowPrivate" | "version">;
  readonly audit: AuditTrail;
  readonly joins: JoinActs;
  /** Addresses of this coordinator that another machine may be able to reach; asked when it is open. */
  readonly urls: () => readonly string[];
}

export async function createEntranceParts(
  { options, registry, groups, engine, reports, token, certificate, audit, joins, urls }: EntranceOptions,
  { store, clock, ids, events, log }: Surroundings,
): Promise<EntranceParts> {
  const safeFetch = createSafeFetch({ clock, allowPrivate: options.allowPrivate });
  const directNodes = createDirectNodes({ registry, engine, reports, events, safeFetch, clock, ids, log });
  const access = await createAccess({
    adminToken: token,
    store,
    registry,
    groups,
    audit,
    onTokenEnded: () => closeRevoked(links),
    urls,
    pin: () => certificate?.pin() ?? null,
    clock,
    ids,
    log,
  });
  const linkHolds = createLinkHolds(clock);
  const { untilLeft, ...handlers } = createNodeLinks({
    registry,
    engine,
    reports,
    invites: access.invites,
    joins,
    clock,
    log,
    meshId: store.meshId,
    version: options.version,
  });
  const links = createLinkServer<Principal>({
    clock,
    onFlood: linkHolds.hold,
    onBreach: linkHolds.countBreach,
    log,
    beatMs: () => beatIntervalMs(registry.nodes.length),
    handlers,
  });
  return { access, directNodes, links, linkHolds, untilLeft };
}

function closeRevoked(links: LinkServer<Principal>): void {
  for (const link of links.open()) {
    if (link.principal.revoked.aborted) link.close(closeCodes.notAllowed, "TOKEN_INVALID");
  }
}
