import { join } from "node:path";
import { createLinkServer } from "../link/link-server.ts";
import { beatIntervalMs } from "../link/liveness.ts";
import { reachableAddresses } from "../platform/addresses.ts";
import { type Clock, delay, systemClock } from "../platform/clock.ts";
import { createDeadlines } from "../platform/deadlines.ts";
import { createEventEmitter } from "../platform/event-emitter.ts";
import { systemIds } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import { machineNames } from "../platform/machine-names.ts";
import { directKeyPath } from "../platform/paths.ts";
import { preparePrivateDir } from "../platform/private-files.ts";
import { acquireLock, type ProcessLock } from "../platform/process-lock.ts";
import { systemRandom } from "../platform/random.ts";
import { createSafeFetch } from "../platform/safe-fetch.ts";
import { loadSeal } from "../platform/sealing.ts";
import type { Trust } from "../platform/tls/trust.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Invite } from "../protocol/http/contract.ts";
import type { MeshId, TaskId } from "../protocol/ids.ts";
import { closeCodes } from "../protocol/link/v1/frames.ts";
import type { GroupInput, RuleInput } from "../protocol/rule.ts";
import type { Secret } from "../protocol/secret.ts";
import { createSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { createAudit } from "./audit/audit.ts";
import { createAuditRoutes } from "./audit/routes.ts";
import { createAccess } from "./auth/access.ts";
import { loadAdminToken } from "./auth/admin-token.ts";
import type { Principal } from "./auth/principal.ts";
import { createAccessRoutes } from "./auth/routes.ts";
import { createDirectNodes } from "./direct/direct-nodes.ts";
import { createDirectRoutes } from "./direct/routes.ts";
import { createSealedNodeStore } from "./direct/sealed-tokens.ts";
import { createAckQueue } from "./dispatch/ack-queue.ts";
import { createAttemptReports } from "./dispatch/attempt-reports.ts";
import { createAttemptSender } from "./dispatch/attempt-sender.ts";
import { createNodeLinks } from "./dispatch/node-links.ts";
import type { MeshEvents } from "./events/mesh-events.ts";
import { startBreakers } from "./health/breakers.ts";
import { type HttpServer, startHttpServer } from "./http/http-server.ts";
import { createLinkHolds } from "./http/link-holds.ts";
import { createServiceRoutes } from "./http/service-routes.ts";
import { createNodeRegistry } from "./nodes/registry.ts";
import { createNodeRoutes } from "./nodes/routes.ts";
import { createPageRoutes } from "./page/routes.ts";
import { createGroups, type Groups } from "./routing/groups.ts";
import { createRouter } from "./routing/router.ts";
import { createRoutingRoutes } from "./routing/routes.ts";
import { createRules } from "./routing/rules.ts";
import { endDoubtfulTasks } from "./tasks/restoration.ts";
import { createRetention, type RetentionPolicy } from "./tasks/retention.ts";
import { createTaskRoutes } from "./tasks/routes.ts";
import { createTaskEngine } from "./tasks/task-engine.ts";
import {
  createServerCertificate,
  type ServerCertificate,
  type TlsSettings,
} from "./tls/server-certificate.ts";

export interface CoordinatorOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** null: the one in `<data dir>/token`, made when there is none. */
  readonly token: Secret | null;
  readonly dataDir: string;
  /** Direct endpoints may have private addresses. */
  readonly allowPrivate: boolean;
  readonly rules: readonly RuleInput[];
  readonly groups: Readonly<Record<string, GroupInput>>;
  /** How long ended tasks are kept. */
  readonly retention: RetentionPolicy;
  /** Names, beside this machine's own, that browsers may call it by. */
  readonly allowedHosts: readonly string[];
  readonly limits: CoordinatorLimits;
  /** null: plain HTTP. */
  readonly tls: TlsSettings | null;
  /** By which certificates age; default: the system's. */
  readonly certificateClock?: Clock;
  readonly version: string;
  readonly log: Log;
}

/** What clients may send and hold open; `coordinator.limits` of the configuration. */
export interface CoordinatorLimits {
  readonly bodyBytes: number;
  readonly requestsPerClient: number;
  readonly streams: number;
  readonly streamsPerClient: number;
  readonly linksPerClient: number;
}

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
 * Builds one coordinator out of its parts and starts it: lock, store, registry, routing, tasks, links, HTTP. What was
 * started before a failing part is undone.
 * @throws MeshError DATA_DIR_UNUSABLE, DATA_DIR_LOCKED, PORT_IN_USE, RULE_INVALID or one of the store's
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  await using undo = new AsyncDisposableStack();
  await preparePrivateDir(options.dataDir, { log: options.log });
  const lock = holdLock(options.dataDir);
  undo.defer(() => lock.release());
  const token = await loadAdminToken(options.dataDir, options.token);
  const { log, dataDir, tls } = options;
  const certificate =
    tls === null
      ? null
      : await createServerCertificate({
          settings: tls,
          dataDir,
          clock: options.certificateClock ?? systemClock,
          log,
        });
  const store = await createSqliteStore({
    file: join(options.dataDir, "mesh.db"),
    clock: systemClock,
    ids: systemIds,
    log: options.log,
  });
  undo.defer(() => store.close());
  const running = await assemble(options, { store, token, certificate });
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

interface Loaded {
  readonly store: Store;
  readonly token: Secret;
  readonly certificate: ServerCertificate | null;
}

async function assemble(
  options: CoordinatorOptions,
  { store, token, certificate }: Loaded,
): Promise<Assembly> {
  const { log, version, limits } = options;
  const clock = systemClock;
  const ids = systemIds;
  const random = systemRandom;
  const onFault = (error: unknown) => log.error("a fault was kept to itself", { error });
  const deadlines = createDeadlines(clock, onFault);
  const events = createEventEmitter<MeshEvents>(onFault);

  const audit = await createAudit({ store, events, clock, log, version });

  // Node and group names share one namespace, so each has to ask the other.
  let groups: Groups | null = null;
  const isGroupName = (name: string) => groups?.has(name) === true;
  const nodeStore = createSealedNodeStore(store.nodes, {
    seal: await loadSeal(directKeyPath(options.dataDir)),
    log,
  });
  const registry = await createNodeRegistry({ store: nodeStore, clock, ids, events, isGroupName, log });
  const madeGroups = await createGroups({
    store: store.groups,
    configured: options.groups,
    isNodeName: registry.isNameTaken,
    events,
  });
  groups = madeGroups;
  const router = await createRouter({
    registry,
    groups: madeGroups,
    sessions: store.sessions,
    clock,
    random,
    events,
    log,
  });
  const rules = await createRules({
    store: store.rules,
    configured: options.rules,
    ids,
    events,
    onChange: router.setRules,
  });
  const engine = createTaskEngine({
    store: store.tasks,
    registry,
    router,
    sender: createAttemptSender(clock),
    events,
    clock,
    deadlines,
    random,
    log,
  });
  const hasSucceeded = (id: TaskId) => engine.find(id)?.task.state === "succeeded";
  startBreakers({ registry, events, clock, deadlines, random, hasSucceeded });
  await endDoubtfulTasks({ store: store.tasks, mark: store.backupMark, clock, log });
  await engine.recover();

  const acks = createAckQueue(store.sync, deadlines, log);
  const reports = createAttemptReports({ engine, store: store.tasks, registry, acks, events, log });
  const directNodes = createDirectNodes({
    registry,
    engine,
    reports,
    events,
    safeFetch: createSafeFetch({ clock, allowPrivate: options.allowPrivate }),
    clock,
    ids,
    log,
  });
  const access = await createAccess({
    adminToken: token,
    store,
    registry,
    groups: madeGroups,
    audit: audit.trail,
    onTokenEnded: () => {
      for (const link of links.open()) {
        if (link.principal.revoked.aborted) link.close(closeCodes.notAllowed, "TOKEN_INVALID");
      }
    },
    urls,
    pin: () => certificate?.pin() ?? null,
    clock,
    ids,
    log,
  });
  const linkHolds = createLinkHolds(clock);
  const links = createLinkServer<Principal>({
    clock,
    onFlood: linkHolds.hold,
    log,
    beatMs: () => beatIntervalMs(registry.nodes.length),
    handlers: createNodeLinks({
      registry,
      engine,
      reports,
      invites: access.invites,
      expectNode: access.expectNode,
      audit: audit.trail,
      clock,
      log,
      meshId: store.meshId,
      version,
    }),
  });

  let isStopping = false;
  const server = startHttpServer({
    host: options.host,
    port: options.port,
    tls: certificate?.served() ?? null,
    clock,
    maxBodyBytes: limits.bodyBytes,
    maxRequestsPerClient: limits.requestsPerClient,
    maxLinksPerClient: limits.linksPerClient,
    allowedHosts: options.allowedHosts,
    machineNames: machineNames(),
    authenticator: access.authenticator,
    audit: audit.recordCall,
    links,
    linkHolds,
    isInviteOpen: access.invites.isKnown,
    log,
    handlers: audit.onlyAudited({
      ...createServiceRoutes({
        meshId: store.meshId,
        version,
        isReady: () => !isStopping,
        storeTrouble: store.trouble,
      }),
      ...createAccessRoutes({ access, nodeNameOf: (id) => registry.findKnown(id)?.name ?? null }),
      ...createPageRoutes(),
      ...createTaskRoutes({
        engine,
        store: store.tasks,
        registry,
        groups: madeGroups,
        events,
        clock,
        deadlines,
        streamLimits: { overall: limits.streams, perClient: limits.streamsPerClient },
        ids,
        log,
      }),
      ...createDirectRoutes({
        nodes: directNodes,
        registry,
        invites: access.invites,
        expectNode: access.expectNode,
        allowPrivate: options.allowPrivate,
        clock,
        log,
      }),
      ...createNodeRoutes({ registry, clock, groupsOf: madeGroups.of }),
      ...createRoutingRoutes({ router, rules, groups: madeGroups }),
      ...createAuditRoutes({ store: store.audit, ...audit }),
    }),
  });
  certificate?.start(server.renew);
  access.start();
  links.start();
  directNodes.start();
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
  log.info(`coordinator listening on :${server.port}`, { version, mesh: store.meshId });

  function urls(): readonly string[] {
    const isAnyHost = ["0.0.0.0", "::", ""].includes(options.host);
    const addresses = isAnyHost ? [...reachableAddresses(), "127.0.0.1"] : [options.host];
    const hosts = [...(certificate?.names() ?? []), ...addresses];
    return hosts.map((host) => `${certificate === null ? "http" : "https"}://${host}:${server.port}`);
  }

  return {
    server,
    urls,
    createInvite: async () => {
      const invite = await access.invites.create({}, "coordinator");
      const { id: target } = invite;
      audit.trail.note({
        subject: "coordinator",
        address: null,
        action: "invite.create",
        target,
        result: "ok",
      });
      return invite;
    },
    drain: async (deadlineMs) => {
      isStopping = true;
      await engine.drain(deadlineMs);
      const flushEndsAtMs = clock.monotonicMs() + flushLimitMs;
      while (server.pendingRequests() > 0 && clock.monotonicMs() < flushEndsAtMs) {
        await delay(clock, flushPollMs);
      }
    },
    close: async () => {
      links.closeAll(closeCodes.goingAway, "the coordinator stops");
      links.stop();
      directNodes.stop();
      certificate?.stop();
      deadlines.stop();
      await server.stop(true);
      await retention.stop();
      await access.stop();
      await audit.stop();
      log.info("coordinator stopped");
    },
  };
}

function holdLock(dataDir: string): ProcessLock {
  const lock = acquireLock(join(dataDir, "lock"));
  if ("release" in lock) return lock;
  const { pid } = lock.heldBy;
  const who = pid === null ? "Another coordinator" : `Another coordinator (pid ${pid})`;
  throw new MeshError("DATA_DIR_LOCKED", `${who} uses the data directory ${dataDir}.`);
}
