import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readBoundedText } from "../../platform/bounded-file.ts";
import type { Gpu } from "../../protocol/capability.ts";
import { toMebibytes, toModel } from "./model-name.ts";

/** Numbers of the PCI register; what virtual machines draw with is no GPU to speak of. */
const vendors: Readonly<Record<string, Gpu["vendor"]>> = {
  "0x10de": "nvidia",
  "0x1002": "amd",
  "0x8086": "intel",
};

/** Most GPUs that the mesh takes of one node. */
export const maxGpus = 16;

/** Files of the kernel that hold the size of a card's own memory, in bytes: of amdgpu, of Intel's xe and i915. */
const memoryFiles = [
  "device/mem_info_vram_total",
  "device/tile0/physical_vram_size_bytes",
  "lmem_total_bytes",
] as const;

/** The graphics cards that the kernel of Linux tells of, without starting a program. Never rejects. */
export async function readLinuxCards(root: string): Promise<readonly Gpu[]> {
  const folder = join(root, "sys/class/drm");
  const names = await readdir(folder).catch((): readonly string[] => []);
  // `card0` is a card, `card0-HDMI-A-1` a socket of it.
  const cards = names.filter((name) => /^card\d{1,3}$/.test(name)).toSorted(byNumber);
  const gpus = await Promise.all(cards.slice(0, maxGpus).map((name) => readCard(join(folder, name))));
  return gpus.flat();
}

async function readCard(card: string): Promise<readonly Gpu[]> {
  const vendor = vendors[(await readLine(join(card, "device/vendor"))).toLowerCase()];
  if (vendor === undefined) return [];
  const sizes = await Promise.all(memoryFiles.map((file) => readLine(join(card, file))));
  const bytes = sizes.find((size) => /^(?:\d{1,16}|0x[0-9a-f]{1,13})$/i.test(size));
  const model = toModel(await readLine(join(card, "device/product_name")));
  return [{ vendor, model, memory_mb: bytes === undefined ? null : toMebibytes(Number(bytes)) }];
}

/** Files of the kernel say that they have a page, and hold a line; "" when there is none. */
async function readLine(path: string): Promise<string> {
  const read = await readBoundedText(path, { maxBytes: 4096, followsLinks: true, startOnly: true });
  return "text" in read ? read.text.trim() : "";
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(4)) - Number(b.slice(4));
}
