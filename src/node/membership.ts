import type { WorkFrame } from "../link/dialed-link.ts";
import { createNodeLink } from "../link/node-link.ts";
import { type CancelTimer, type Clock, delay } from "../platform/clock.ts";
import { createDeadlines } from "../platform/deadlines.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import { afterLoopTurn } from "../platform/loop-turn.ts";
import type { SampleMachineLoad } from "../platform/machine-load.ts";
import type { Random } from "../platform/random.ts";
import type { MeshError } from "../protocol/errors.ts";
import type { Instance } from "../protocol/ids.ts";
import {
  type DrainFrame,
  type HelloFrame,
  linkVersion,
  type OfferFrame,
  type WelcomeFrame,
} from "../protocol/link/v1/frames.ts";
import { type CapabilityWatch, capabilityRefreshMs } from "./capability-watch.ts";
import type { Identity, NodeFile } from "./identity.ts";
import { openJournal } from "./journal.ts";
import type { RuntimeWatch } from "./runtime-watch.ts";
import { createWorkLoop } from "./work-loop.ts";

/** Time that outcomes have to be acknowledged before the node says goodbye; what is not stays in the journal. */
const ackLimitMs = 3_000;

/** Time that runs have to settle after they were asked to stop, beyond the agent's own limit for one run. */
const settleLimitMs = 11_000;

export interface MembershipEvents {
  readonly onWelcome: (welcome: WelcomeFrame) => void;
  /** The coordinator at this address belongs to another mesh than this identity. */
  readonly onOtherMesh: (welcome: WelcomeFrame) => void;
  readonly onDown: (reason: string) => void;
  readonly onEnded: (error: MeshError) => void;
  readonly onNotAllowed: (error: MeshError) => void;
  readonly onUnreachable: (error: MeshError) => void;
  readonly onDrain: (frame: DrainFrame) => void;
}

export interface MembershipDeps {
  readonly identity: Identity;
  /** What another mesh's coordinator granted before this identity was opened; null: nothing. */
  readonly granted: Pick<NodeFile, "node_id" | "token"> | null;
  readonly coordinatorUrl: string;
  readonly linkUrl: string;
  readonly proxyUrl: string | null;
  /** Tried in this order after the stored node token. */
  readonly otherCredentials: readonly string[];
  readonly name: string;
  readonly instance: Instance;
  readonly version: string;
  readonly watch: RuntimeWatch;
  readonly capabilities: CapabilityWatch;
  readonly maxRunMs: number | null;
  readonly sampleLoad: SampleMachineLoad;
  readonly explain: (token: string) => Promise<MeshError>;
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
  /** Takes nothing new; resolves when nothing runs, at the latest a little after the limit, which stops the rest. */
  readonly drain: (limitMs: number) => Promise<void>;
  readonly stopRuns: () => void;
  /** Ends the link. Runs may still settle into the journal. */
  readonly leave: (goodbye: string | null) => Promise<void>;
  /** Closes the journal and lets others have the identity. */
  readonly close: () => void;
}

export function openMembership(deps: MembershipDeps): Membership {
  const { identity, clock, log, watch, events } = deps;
  const deadlines = createDeadlines(clock);
  const journal = openJournal({
    file: identity.journalFile,
    clock,
    ids: deps.ids,
    scheduleTurn: afterLoopTurn,
    log,
  });
  const timers = new Map<"beat" | "refresh", CancelTimer>();
  const waiters = new Set<() => void>();
  let nodeFile = deps.granted === null ? identity.current() : toFile(deps.granted);
  let isSaved = deps.granted === null;
  let saving: Promise<void> = Promise.resolve();
  let isClosed = false;

  function toFile(granted: Pick<NodeFile, "node_id" | "token">): NodeFile {
    const { node_id, token } = granted;
    return { node_id, token, coordinator_url: deps.coordinatorUrl, name: deps.name, journal_id: journal.id };
  }

  const wake = () => {
    for (const waiter of waiters) waiter();
  };

  const link = createNodeLink({
    url: deps.linkUrl,
    proxyUrl: deps.proxyUrl,
    credentials: () => {
      const stored = nodeFile === null ? [] : [nodeFile.token];
      return [...new Set([...stored, ...deps.otherCredentials])];
    },
    hello: () => hello(),
    explain: deps.explain,
    clock,
    random: deps.random,
    handlers: {
      onWelcome: (welcome) => welcomed(welcome),
      onFrames: (frames) => receive(frames),
      onDown: ({ code, reason }) => {
        timers.get("beat")?.();
        work.linkLost();
        wake();
        events.onDown(reason === "" ? `close code ${code}` : reason);
      },
      onEnded: events.onEnded,
      onNotAllowed: events.onNotAllowed,
      onUnreachable: events.onUnreachable,
    },
    onFault: (error) => log.error("a handler of the link failed", { error }),
  });

  const work = createWorkLoop({
    journal,
    link,
    slots: watch.slots,
    maxRunMs: deps.maxRunMs,
    pickRuntime: watch.pick,
    findRuntime: watch.find,
    clock,
    deadlines,
    scheduleTurn: afterLoopTurn,
    log,
    onRecoveringChanged: () => sendStatus(),
    onIdle: wake,
  });

  const hello = (): HelloFrame => ({
    type: "hello",
    versions: [linkVersion],
    software: deps.version,
    ...(nodeFile === null ? {} : { node_id: nodeFile.node_id }),
    name: deps.name,
    instance: deps.instance,
    capabilities: deps.capabilities.current(),
    slots: watch.slots(),
    runtimes: watch.statuses(),
    ...work.summary(),
  });

  const sendStatus = () => {
    const { cpu, memory } = deps.sampleLoad();
    link.send({
      type: "status",
      load: { in_flight: work.inFlight(), cpu, memory },
      slots: watch.slots(),
      runtimes: watch.statuses(),
      recovering: [...work.recovering()],
    });
  };

  const save = (file: NodeFile) => {
    if (isSaved && nodeFile !== null && JSON.stringify(file) === JSON.stringify(nodeFile)) return;
    nodeFile = file;
    isSaved = true;
    saving = saving.then(() => identity.save(file));
    saving.catch((error: unknown) => {
      isSaved = false;
      log.error("node.json could not be written", { error });
    });
  };

  const welcomed = (welcome: WelcomeFrame) => {
    if (welcome.mesh_id !== identity.meshId) {
      events.onOtherMesh(welcome);
      return;
    }
    // Only the journal that was there when the identity began proves that an attempt was never started.
    const isComplete = nodeFile === null || nodeFile.journal_id === journal.id;
    const token = welcome.token ?? nodeFile?.token;
    if (token !== undefined) save(toFile({ node_id: welcome.node_id, token }));
    work.resume(welcome.resume, { isComplete });
    sendStatus();
    beat(welcome.beat_ms);
    events.onWelcome(welcome);
  };

  const beat = (beatMs: number) => {
    timers.get("beat")?.();
    timers.set(
      "beat",
      clock.after(beatMs, () => {
        sendStatus();
        void watch.probe().then((hasChanged) => {
          if (hasChanged && !isClosed) sendStatus();
        });
        beat(beatMs);
      }),
    );
  };

  const refreshLater = () => {
    timers.set(
      "refresh",
      clock.after(
        capabilityRefreshMs,
        () => {
          void refresh();
          refreshLater();
        },
        { unref: true },
      ),
    );
  };

  const refresh = async () => {
    journal.prune();
    const hasChanged = await deps.capabilities.refresh();
    if (hasChanged && !isClosed) {
      link.send({ type: "capabilities", capabilities: deps.capabilities.current() });
    }
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
      else events.onDrain(frame);
    }
    takeOffers();
    if (waiters.size > 0) wake();
  };

  /** Resolves when the condition holds, or after the limit; looked at whenever something ends. */
  const until = async (condition: () => boolean, limitMs: number) => {
    if (condition()) return;
    const stopWaiting = new AbortController();
    const waiter = () => {
      if (condition()) stopWaiting.abort();
    };
    waiters.add(waiter);
    await delay(clock, limitMs, stopWaiting.signal);
    waiters.delete(waiter);
  };

  const isIdle = () => work.inFlight() === 0;

  return {
    start: () => {
      work.reattach();
      refreshLater();
      link.start();
    },
    saved: () => saving,
    inFlight: work.inFlight,
    drain: async (limitMs) => {
      work.drain();
      await until(isIdle, limitMs);
      if (!isIdle()) {
        work.stopAll("cancelled");
        await until(isIdle, settleLimitMs);
      }
      journal.flush();
      await until(() => !link.isUp() || journal.unacknowledged().length === 0, ackLimitMs);
    },
    stopRuns: () => {
      work.drain();
      work.stopAll("superseded");
    },
    leave: async (goodbye) => {
      for (const cancel of timers.values()) cancel();
      // A node that the coordinator knows must know itself after a restart. A failure was logged where it happened.
      await Promise.allSettled([saving]);
      await link.stop(goodbye);
    },
    close: () => {
      isClosed = true;
      deadlines.stop();
      journal.close();
      identity.release();
    },
  };
}
