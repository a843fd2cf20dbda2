import { MeshError } from "../protocol/errors.ts";
import type { LabSettings } from "./lab-settings.ts";

/** What a node agent, and the coordinator with this process, take. */
const nodeBytes = 70 * 1024 * 1024;
const baseBytes = 500 * 1024 * 1024;
/** Of the disk that can be made full. */
const diskBaseBytes = 128 * 1024 * 1024;
const diskBytesPerTask = 12 * 1024;

/** Size of the disk in memory that the faults fill; null: none does. */
export function diskBytesFor({ plan, tasks }: Pick<LabSettings, "plan" | "tasks">): number | null {
  return plan.some(({ kind }) => kind === "fill-disk") ? diskBaseBytes + tasks * diskBytesPerTask : null;
}

/** Throws USAGE when the run needs more memory than is free. */
export function assertMemory(settings: LabSettings, availableBytes: number): void {
  const { nodes, tasks } = settings;
  const needed = baseBytes + nodes * nodeBytes + (diskBytesFor(settings) ?? 0);
  if (needed <= availableBytes) return;
  const toMib = (bytes: number) => Math.round(bytes / 1024 / 1024);
  throw new MeshError(
    "USAGE",
    `${nodes} nodes and ${tasks} tasks need about ${toMib(needed)} MiB of memory, and ${toMib(availableBytes)} MiB are free`,
    { hint: "Take fewer with --nodes or --tasks." },
  );
}
