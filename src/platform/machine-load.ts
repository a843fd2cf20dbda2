import { cpus, totalmem } from "node:os";
import { readCgroupFreeBytes } from "./cgroup-memory.ts";

/** How busy the machine is, each from 0 to 1. */
export interface MachineLoad {
  /** Share of the time of all cores that was used since the last call, or since creation for the first. */
  readonly cpu: number;
  /** Share of the memory that is in use; inside a container, of what the container may use. */
  readonly memory: number;
}

/** Takes one measurement; costs some microseconds. */
export type SampleMachineLoad = () => MachineLoad;

/** Core time so far, in any unit. */
interface CoreTime {
  readonly busy: number;
  readonly total: number;
}

export function createMachineLoad(readCoreTime: () => CoreTime = readMachineCoreTime): SampleMachineLoad {
  let last = readCoreTime();
  let cpu = 0;
  return () => {
    const now = readCoreTime();
    const total = now.total - last.total;
    // The counters move in steps of 10 ms: between two calls in one step the last figure stands.
    if (total > 0) cpu = clampToShare((now.busy - last.busy) / total);
    last = total > 0 ? now : last;
    return { cpu, memory: clampToShare(1 - availableMemoryBytes() / machineMemoryBytes()) };
  };
}

/** Bytes of memory this process may count on: the machine's, or less where a container limits it. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory();
  const total = totalmem();
  return limit > 0 ? Math.min(limit, total) : total;
}

function readMachineCoreTime(): CoreTime {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busy += used;
    total += used + times.idle;
  }
  return { busy, total };
}

function clampToShare(value: number): number {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0;
}

/**
 * Bytes of memory that are free for this process now: of the machine's, and of what its control groups leave it.
 * @param look - default: this machine
 */
export function availableMemoryBytes(look: MemoryLook = machineLook): number {
  return Math.min(look.available(), look.limit(), look.ofGroups() ?? Number.POSITIVE_INFINITY);
}

/** Each in bytes. */
interface MemoryLook {
  readonly available: () => number;
  readonly limit: () => number;
  /** null: its groups set no limit. */
  readonly ofGroups: () => number | null;
}

const machineLook: MemoryLook = {
  available: () => process.availableMemory(),
  limit: machineMemoryBytes,
  ofGroups: () => readCgroupFreeBytes(),
};
