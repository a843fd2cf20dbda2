import { z } from "zod";
import type { Gpu } from "../../protocol/capability.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import { toMebibytes, toModel } from "./model-name.ts";

/** What is asked of macOS. */
export const displayQuery = ["SPDisplaysDataType", "-json"];

const Displays = z.object({
  SPDisplaysDataType: z
    .array(
      z.object({
        sppci_model: z.string().optional(),
        spdisplays_vendor: z.string().optional(),
        /** `8 GB`: its own memory. One that shares the machine's has `spdisplays_vram_shared`. */
        spdisplays_vram: z.string().optional(),
      }),
    )
    .max(16),
});

/** The graphics part of `system_profiler`. Apple's own GPUs share the machine's memory and tell none. */
export function parseSystemProfiler(output: string): readonly Gpu[] {
  const displays = Displays.safeParse(parseOrNull(output));
  if (!displays.success) return [];
  return displays.data.SPDisplaysDataType.map((display) => ({
    vendor: toVendor(display.spdisplays_vendor ?? ""),
    model: toModel(display.sppci_model),
    memory_mb: toMemory(display.spdisplays_vram ?? ""),
  }));
}

function toVendor(text: string): Gpu["vendor"] {
  const vendors = ["apple", "amd", "nvidia", "intel"] as const;
  return vendors.find((vendor) => text.toLowerCase().includes(vendor)) ?? "other";
}

function toMemory(text: string): number | null {
  const match = /^(\d{1,6})\s*(MB|GB)$/.exec(text.trim());
  return match === null ? null : toMebibytes(Number(match[1]) * (match[2] === "GB" ? 2 ** 30 : 2 ** 20));
}

function parseOrNull(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
