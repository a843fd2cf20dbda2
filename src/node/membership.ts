import type { WorkFrame } from "../link/dialed-link.ts";
import { createNodeLink } from "../link/node-link.ts";
import { readBootId } from "../platform/boot-id.ts";
import type { CancelTimer, Clock } from "../platform/clock.ts";
import { createDeadlines } from "../platform/deadlines.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import { afterLoopTurn } from "../platform/loop-turn.ts";
import type { SampleMachineLoad } from "../platform/machine-load.ts";
import type { Random } from "../platform/random.ts";
import type { MeshError } from "../protocol/errors.ts";
import type { Instance } from "../protocol/ids.ts";
import type { DrainFrame, OfferFrame, WelcomeFrame } from "../protocol/link/v1/frames.ts";
import { distinctSecrets, type Secret } from "../protocol/secret.ts";
import type { CapabilityWatch } from "./capability-watch.ts";
import { createConditionWait } from "./condition-wait.ts";
import type { CoordinatorTrust } from "./coordinator-trust.ts";
import type { Identity, NodeFile } from "./identity.ts";
import { openJournal } from "./journal.ts";
import { loadJournalRoom, removeOldJournals } from "./journal-room.ts";
import { createNodeRecord } from "./node-record.ts";
import { repeat } from "./repeat.ts";
import type { RuntimeWatch } from "./runtime-watch.ts";
import { createSelfReport } from "./self-report.ts";
import { createWorkLoop } from "./work-loop.ts";

/** Time that outcomes have to be acknowledged before the node says goodbye; what is not stays in the journal. */
const ackLimitMs = 3_000;

/** Time that runs have to settle after they were asked to stop, beyond the agent's own limit for one run. */
const settleLimitMs = 11_000;

/** How often the journal is looked through for outcomes that are too old. */
const pruneIntervalMs = 5 * 60_000;

export interface MembershipEvents {
  readonly onWelcome: (welcome: WelcomeFrame) => void;
  /** The coordinator at this address belongs to another mesh than this identity. */
  readonly onOtherMesh: (welcome: WelcomeFrame) => void;
  readonly onDown: (reason: string) => void;
  readonly onEnded: (error: MeshError) => void;
  readonly onNotAllowed: (error: MeshError) => void;
  readonly onUnreachable: (error: MeshError) => void;
  readonly onDrain: (frame: DrainFrame) => void;
  readonly onUndrain: () => void;
}

export interface MembershipDeps {
  readonly identity: Identity;
  /** What another mesh's coordinator granted before this identity was opened; null: nothing. */
  readonly granted: Pick<NodeFile, "node_id" | "token"> | null;
  readonly coordinatorUrl: string;
  readonly linkUrl: string;
  readonly proxyUrl: string | null;
  readonly trust: CoordinatorTrust;
  /** Tried in this order after the stored node token. */
  readonly otherCredentials: readonly Secret[];
  readonly name: string;
  readonly instance: Instance;
  readonly version: string;
  readonly watch: RuntimeWatch;
  readonly capabilities: CapabilityWatch;
  readonly maxRunMs: number | null;
  readonly sampleLoad: SampleMachineLoad;
  readonly explain: (token: Secret) => Promise<MeshError>;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Log;
  readonly events: MembershipEvents;
}

/** One node in one mesh: identity, journal, work and link, from the first dial to the goodbye. */
export interface Membership {
  readonly start: () => void;
  /** Saved so far, for the first join to wait for; rejects with DATA_DIR_UNUSABLE. */
  readonly saved: () => Promise<void>;
  readonly inFlight: () => number;
  /**
   * Takes nothing new; resolves with true when nothing runs or the limit is over, with false as soon as another call, or
   * {@link takeWork}, has taken this one's place.
   */
  readonly drain: (limitMs: number) => Promise<boolean>;
  /** Takes a drain back. */
  readonly takeWork: () => void;
  /** Stops what still runs and hands over the outcomes; after a drain. */
  readonly settle: () => Promise<void>;
  readonly stopRuns: () => void;
  /** Ends the link. Runs may still settle into the journal. */
  readonly leave: (goodbye: string | null) => Promise<void>;
  /** Closes the journal and lets others have the identity. */
  readonly close: () => void;
}

export function openMembership(deps: MembershipDeps): Membership {
  const { identity, clock, log, watch, events } = deps;
  const deadlines = createDeadlines(clock, (error) => log.error("a deadline failed", { error }));
  removeOldJournals(identity.journalFile, { nowMs: clock.nowMs(), log });
  const journal = openJournal({
    file: identity.journalFile,
    clock,
    ids: deps.ids,
    scheduleTurn: afterLoopTurn,
    log,
    bootId: readBootId(),
    maxBytes: loadJournalRoom(identity.journalFile),
  });
  const record = createNodeRecord({
    identity,
    granted: deps.granted,
    coordinatorUrl: deps.coordinatorUrl,
    name: deps.name,
    keptTrust: deps.trust.toKeep,
    nowMs: clock.nowMs,
    log,
  });
  const wait = createConditionWait(clock);
  let stopPruning: CancelTimer = () => {};

  const link = createNodeLink({
    url: deps.linkUrl,
    proxyUrl: deps.proxyUrl,
    trust: deps.trust.current,
    credentials: () => {
      const stored = record.current();
      return distinctSecrets([...(stored === null ? [] : [stored.token]), ...deps.otherCredentials]);
    },
    hello: () => report.hello(),
    explain: deps.explain,
    clock,
    random: deps.random,
    onFault: (error) => log.error("a link of the node failed", { error }),
    handlers: {
      onWelcome: (welcome) => welcomed(welcome),
      onFrames: (frames) => receive(frames),
      onDown: ({ code, reason }) => {
        report.stopBeat();
        work.linkLost();
        wait.look();
        events.onDown(reason === "" ? `close code ${code}` : reason);
      },
      onEnded: events.onEnded,
      onNotAllowed: events.onNotAllowed,
      onUnreachable: events.onUnreachable,
    },
  });

  const work = createWorkLoop({
    journal,
    link,
    watch,
    meshId: identity.meshId,
    maxRunMs: deps.maxRunMs,
    clock,
    deadlines,
    scheduleTurn: afterLoopTurn,
    log,
    onRecoveringChanged: () => report.sendStatus(),
    onIdle: wait.look,
  });

  const report = createSelfReport({
    record,
    work,
    watch,
    capabilities: deps.capabilities,
    sampleLoad: deps.sampleLoad,
    name: deps.name,
    instance: deps.instance,
    version: deps.version,
    send: link.send,
    clock,
    log,
  });

  const welcomed = (welcome: WelcomeFrame) => {
    if (welcome.mesh_id !== identity.meshId) {
      events.onOtherMesh(welcome);
      return;
    }
    record.take(welcome);
    work.resume(welcome.resume);
    report.sendStatus();
    report.startBeat(welcome.beat_ms);
    events.onWelcome(welcome);
  };

  const receive = (frames: readonly WorkFrame[]) => {
    let offers: OfferFrame[] = [];
    const takeOffers = () => {
      if (offers.length > 0) work.takeOffers(offers);
      offers = [];
    };
    for (const frame of frames) {
      if (frame.type === "offer") {
        offers.push(frame);
        continue;
      }
      takeOffers();
      if (frame.type === "cancel") work.cancel(frame);
      else if (frame.type === "ack") work.acknowledge(frame);
      else if (frame.type === "drain") events.onDrain(frame);
      else events.onUndrain();
    }
    takeOffers();
    wait.look();
  };

  const isIdle = () => work.inFlight() === 0;
  /** Counts the orders to drain and to take work again: a newer one makes those before it void. */
  let orders = 0;

  return {
    start: () => {
      work.reattach();
      report.startRefresh();
      stopPruning = repeat(journal.prune, {
        clock,
        everyMs: pruneIntervalMs,
        keepsAlive: false,
        onFault: (error) => log.error("the journal could not be pruned", { error }),
      });
      link.start();
    },
    saved: record.saved,
    inFlight: work.inFlight,
    drain: async (limitMs) => {
      orders += 1;
      const order = orders;
      work.setDraining(true);
      wait.look();
      await wait.until(() => isIdle() || order !== orders, limitMs);
      return order === orders;
    },
    takeWork: () => {
      orders += 1;
      work.setDraining(false);
      wait.look();
      // Its refusals have made it count as not ready.
      report.sendStatus();
    },
    settle: async () => {
      if (!isIdle()) {
        work.stopAll("cancelled");
        await wait.until(isIdle, settleLimitMs);
      }
      journal.flush();
      await wait.until(() => !link.isUp() || journal.unacknowledged().length === 0, ackLimitMs);
    },
    stopRuns: () => {
      work.setDraining(true);
      work.stopAll("superseded");
    },
    leave: async (goodbye) => {
      report.stop();
      stopPruning();
      // A node that the coordinator knows must know itself after a restart. A failure was logged where it happened.
      await Promise.allSettled([record.saved()]);
      await link.stop(goodbye);
    },
    close: () => {
      deadlines.stop();
      try {
        journal.close();
      } finally {
        identity.release();
      }
    },
  };
}
