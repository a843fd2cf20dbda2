import type { CancelTimer, Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { SampleMachineLoad } from "../platform/machine-load.ts";
import type { Instance } from "../protocol/ids.ts";
import { type HelloFrame, linkVersion, type NodeFrame } from "../protocol/link/v1/frames.ts";
import { type CapabilityWatch, capabilityRefreshMs } from "./capability-watch.ts";
import type { NodeRecord } from "./node-record.ts";
import { repeat } from "./repeat.ts";
import type { RuntimeWatch } from "./runtime-watch.ts";
import type { WorkLoop } from "./work-loop.ts";

export interface SelfReportDeps {
  readonly record: NodeRecord;
  readonly work: Pick<WorkLoop, "summary" | "inFlight" | "recovering">;
  readonly watch: RuntimeWatch;
  readonly capabilities: CapabilityWatch;
  readonly sampleLoad: SampleMachineLoad;
  readonly name: string;
  readonly instance: Instance;
  /** Version of this software. */
  readonly version: string;
  readonly send: (frame: NodeFrame) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the node tells of itself: in its `hello`, and by `status` and `capabilities` while it is linked. */
export interface SelfReport {
  readonly hello: () => HelloFrame;
  readonly sendStatus: () => void;
  /** A status at every beat, another whenever a runtime has changed; replaces the beat before. */
  readonly startBeat: (beatMs: number) => void;
  readonly stopBeat: () => void;
  /** Looks at the machine again from time to time and tells when it has changed. */
  readonly startRefresh: () => void;
  /** Ends beat and refresh; what is under way tells nothing more. */
  readonly stop: () => void;
}

export function createSelfReport(deps: SelfReportDeps): SelfReport {
  const { record, work, watch, capabilities, clock, log } = deps;
  let stopBeat: CancelTimer = () => {};
  let stopRefresh: CancelTimer = () => {};
  let stopTelling: () => void = () => {};
  let isStopped = false;

  const sendStatus = () => {
    const { cpu, memory } = deps.sampleLoad();
    deps.send({
      type: "status",
      load: { in_flight: work.inFlight(), cpu, memory },
      slots: watch.slots(),
      runtimes: watch.statuses(),
      recovering: [...work.recovering()],
    });
  };

  /** What it changes is told by itself, runtime by runtime: one that is slow to answer does not hold up the others. */
  const beat = async () => {
    sendStatus();
    await watch.probe();
  };

  const refresh = async () => {
    const hasChanged = await capabilities.refresh();
    if (!hasChanged || isStopped) return;
    deps.send({ type: "capabilities", capabilities: capabilities.current() });
  };

  return {
    hello: () => {
      const known = record.current();
      return {
        type: "hello",
        versions: [linkVersion],
        software: deps.version,
        ...(known === null ? {} : { node_id: known.node_id }),
        name: deps.name,
        instance: deps.instance,
        capabilities: capabilities.current(),
        slots: watch.slots(),
        runtimes: watch.statuses(),
        ...work.summary(),
      };
    },
    sendStatus,
    startBeat: (everyMs) => {
      stopBeat();
      stopTelling();
      stopTelling = watch.onChange(sendStatus);
      const onFault = (error: unknown) => log.error("the node's status could not be told", { error });
      stopBeat = repeat(beat, { clock, everyMs, onFault });
    },
    stopBeat: () => {
      stopBeat();
      stopTelling();
    },
    startRefresh: () => {
      const onFault = (error: unknown) => log.error("the machine could not be looked at", { error });
      stopRefresh = repeat(refresh, { clock, everyMs: capabilityRefreshMs, keepsAlive: false, onFault });
    },
    stop: () => {
      isStopped = true;
      stopBeat();
      stopTelling();
      stopRefresh();
    },
  };
}
