import type { Gpu } from "../../protocol/capability.ts";
import { toMebibytes, toModel } from "./model-name.ts";

/** What is asked of NVIDIA's driver tool; one line for each GPU: `NVIDIA GeForce RTX 4090, 24564`. */
export const nvidiaQuery = ["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"];

/** The memory is in MiB; `[N/A]` and the like where it is the machine's own, as on Jetson and Grace. */
export function parseNvidiaSmi(output: string): readonly Gpu[] {
  return output.split("\n").flatMap((line): readonly Gpu[] => {
    const match = /^([^,]+),\s*(\d+|\[[^\]]*\])\s*$/.exec(line.trim());
    if (match === null) return [];
    const [, name, memory] = match;
    return [{ vendor: "nvidia", model: toModel(name), memory_mb: toMebibytes(Number(memory) * 2 ** 20) }];
  });
}
