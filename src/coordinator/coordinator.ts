import { reachableAddresses } from "../platform/addresses.ts";
import { type Clock, delay } from "../platform/clock.ts";
import type { Trust } from "../platform/tls/trust.ts";
import type { Invite } from "../protocol/http/contract.ts";
import type { MeshId } from "../protocol/ids.ts";
import { closeCodes } from "../protocol/link/v1/frames.ts";
import type { Secret } from "../protocol/secret.ts";
import { type DataDirectory, openDataDirectory } from "./assembly/data-directory.ts";
import { createEntranceParts } from "./assembly/entrance-parts.ts";
import { createLocalPresence } from "./assembly/local-presence.ts";
import { createMeshParts } from "./assembly/mesh-parts.ts";
import { createSurroundings } from "./assembly/surroundings.ts";
import { createTaskParts } from "./assembly/task-parts.ts";
import { type Audit, createAudit } from "./audit/audit.ts";
import { ownAct } from "./audit/own-act.ts";
import type { Invites } from "./auth/invites.ts";
import { coordinatorItself } from "./auth/principal.ts";
import type { CoordinatorOptions } from "./coordinator-options.ts";
import { openFrontDoor } from "./front-door.ts";
import type { HttpServer } from "./http/http-server.ts";
import { listenAddress } from "./http/listener.ts";
import { createRetention } from "./tasks/retention.ts";

export interface RunningCoordinator {
  readonly meshId: MeshId;
  readonly port: number;
  readonly token: Secret;
  /** Addresses another machine may be able to reach, best first. */
  readonly urls: readonly string[];
  readonly createInvite: () => Promise<Invite>;
  /** How a client on this machine trusts it; null: plain HTTP, or as it would any server. */
  readonly trust: Trust | null;
  /** Names that a certificate of somebody else has; none for one of our own. */
  readonly names: readonly string[];
  /** Takes no new work and lets answers finish for up to `deadlineMs`; links stay open, so that nodes can leave. */
  readonly drain: (deadlineMs?: number) => Promise<void>;
  /** Drains, unless that was done, then closes everything. */
  readonly stop: (deadlineMs?: number) => Promise<void>;
}

/** How long running answers may take when the coordinator stops. */
const stopDeadlineMs = 5000;

/** How long the answers that are there may then take to reach their clients, and how often that is looked at. */
const flushLimitMs = 500;
const flushPollMs = 2;

/**
 * Builds one coordinator out of its parts and starts it: data directory, nodes and rules, tasks, entrances, front door.
 * What was started before a failing part is undone.
 * @throws MeshError DATA_DIR_UNUSABLE, DATA_DIR_LOCKED, PORT_IN_USE, RULE_INVALID or one of the store's
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  await using undo = new AsyncDisposableStack();
  const directory = await openDataDirectory(options, undo);
  const { store, token, certificate } = directory;
  const running = await assemble(options, directory);
  const parts = undo.move();
  let draining: Promise<void> | null = null;
  let stopping: Promise<void> | null = null;
  const drain = (deadlineMs = stopDeadlineMs) => {
    draining ??= running.drain(deadlineMs);
    return draining;
  };
  return {
    meshId: store.meshId,
    port: running.server.port,
    token,
    urls: running.urls(),
    createInvite: running.createInvite,
    trust: certificate?.trust() ?? null,
    names: certificate?.names() ?? [],
    drain,
    stop: (deadlineMs = stopDeadlineMs) => {
      stopping ??= drain(deadlineMs)
        .then(running.close)
        .finally(() => parts.disposeAsync());
      return stopping;
    },
  };
}

interface Assembly {
  readonly server: HttpServer;
  readonly urls: () => readonly string[];
  readonly createInvite: () => Promise<Invite>;
  readonly drain: (deadlineMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

async function assemble(options: CoordinatorOptions, directory: DataDirectory): Promise<Assembly> {
  const { version, log } = options;
  const { store, certificate } = directory;
  const surroundings = createSurroundings(store, log);
  const { events, clock, deadlines } = surroundings;
  const urls = () => listUrls(options.host, server.port, certificate?.names() ?? null);
  let isStopping = false;

  const audit = await createAudit({ store, events, clock, log, version });
  const mesh = await createMeshParts(options, surroundings);
  const tasks = await createTaskParts(mesh, surroundings);
  const entrances = await createEntranceParts(
    { options, ...directory, ...mesh, ...tasks, audit: audit.trail, joins: audit.joins, urls },
    surroundings,
  );
  const isReady = () => !isStopping;
  const server = openFrontDoor(
    { options, certificate, audit, ...mesh, ...tasks, ...entrances, isReady },
    surroundings,
  );

  const { access, links, directNodes, untilLeft } = entrances;
  certificate?.start((served) => {
    server.renew(served);
    audit.trail.note(ownAct("certificate.renew"));
  });
  access.start();
  links.start();
  directNodes.start();
  const { engine } = tasks;
  const retention = createRetention({
    store: store.tasks,
    unfinished: engine.size,
    policy: options.retention,
    events,
    clock,
    log,
  });
  retention.start();
  await audit.start();
  const presence = createLocalPresence(options);
  const scheme = certificate === null ? "http" : "https";
  await presence.announce({ scheme, host: options.host, port: server.port });
  log.info(`coordinator listening on :${server.port}`, { version, mesh: store.meshId });

  return {
    server,
    urls,
    createInvite: () => createOwnInvite(access.invites, audit),
    drain: async (deadlineMs) => {
      isStopping = true;
      await engine.drain(deadlineMs);
      await untilAnswered(server, clock);
    },
    close: async () => {
      links.closeAll(closeCodes.goingAway, "the coordinator stops");
      links.stop();
      directNodes.stop();
      certificate?.stop();
      deadlines.stop();
      await presence.withdraw();
      await server.stop(true);
      await retention.stop();
      await access.stop();
      await untilLeft();
      await audit.stop();
      log.info("coordinator stopped");
    },
  };
}

/** `certifiedNames`: those of the certificate; null: there is none. */
function listUrls(host: string, port: number, certifiedNames: readonly string[] | null): readonly string[] {
  const isAnyHost = ["0.0.0.0", "::", ""].includes(host);
  // Never `localhost`: in a browser that may be ::1, where somebody else can listen.
  const addresses = isAnyHost ? [...reachableAddresses(), "127.0.0.1"] : [listenAddress(host)];
  const scheme = certifiedNames === null ? "http" : "https";
  return [...(certifiedNames ?? []), ...addresses].map((name) => `${scheme}://${name}:${port}`);
}

/** The invite of the start screen. */
async function createOwnInvite(invites: Invites, audit: Audit): Promise<Invite> {
  const invite = await invites.create({}, coordinatorItself);
  audit.trail.note(ownAct("invite.create", invite.id));
  return invite;
}

/** Until the answers that are there have reached their clients, for so long at most. */
async function untilAnswered(server: HttpServer, clock: Clock): Promise<void> {
  const endsAtMs = clock.monotonicMs() + flushLimitMs;
  while (server.pendingRequests() > 0 && clock.monotonicMs() < endsAtMs) await delay(clock, flushPollMs);
}
