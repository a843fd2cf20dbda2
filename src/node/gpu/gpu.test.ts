/**
 * What driver tools print. None of these machines was at hand: the outputs are written from the documentation of the tools
 * and from outputs that users of them have published, with the version that they are of.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../platform/clock.ts";
import { Gpu } from "../../protocol/capability.ts";
import { parseSystemProfiler } from "./apple.ts";
import { findGpus, type GpuDeps } from "./find-gpus.ts";
import { parseNvidiaSmi } from "./nvidia.ts";
import { parseRocmSmi } from "./rocm.ts";

/** nvidia-smi 550: `--query-gpu=name,memory.total --format=csv,noheader,nounits`. */
const nvidia = "NVIDIA GeForce RTX 4090, 24564\nTesla T4, 15360\n";
/** nvidia-smi 580 on a machine whose GPU shares the memory (GB10). */
const nvidiaShared = "NVIDIA GB10, [N/A]\n";
const nvidiaNone = "No devices were found\n";

/** rocm-smi 3.0 (ROCm 6): `--showproductname --showmeminfo vram --json`. */
const rocm = JSON.stringify({
  card0: {
    "VRAM Total Memory (B)": "25753026560",
    "VRAM Total Used Memory (B)": "27856896",
    "Card Series": "Radeon RX 7900 XTX",
    "Card Model": "0x744c",
    "Card Vendor": "Advanced Micro Devices, Inc. [AMD/ATI]",
  },
});
/** rocm-smi 1.4 (ROCm 5), which writes its keys otherwise. */
const rocmOld = JSON.stringify({
  card0: { "VRAM Total Memory (B)": "17163091968", "Card series": "Navi 21", "Card model": "0x0e3a" },
});

/** system_profiler of macOS 15: `SPDisplaysDataType -json`. */
const appleSilicon = JSON.stringify({
  SPDisplaysDataType: [
    {
      _name: "Apple M2 Pro",
      spdisplays_mtlgpufamilysupport: "spdisplays_metal3",
      spdisplays_ndrvs: [{ _name: "Color LCD" }],
      spdisplays_vendor: "sppci_vendor_Apple",
      sppci_bus: "spdisplays_builtin",
      sppci_cores: "19",
      sppci_device_type: "spdisplays_gpu",
      sppci_model: "Apple M2 Pro",
    },
  ],
});
/** The same of macOS 12 on a Mac with Intel. */
const appleIntel = JSON.stringify({
  SPDisplaysDataType: [
    { sppci_model: "Intel UHD Graphics 630", spdisplays_vendor: "Intel", spdisplays_vram_shared: "1536 MB" },
    { sppci_model: "AMD Radeon Pro 5500M", spdisplays_vendor: "sppci_vendor_amd", spdisplays_vram: "8 GB" },
  ],
});

describe("the output of a driver's tool", () => {
  test("of NVIDIA", () => {
    expect(parseNvidiaSmi(nvidia)).toEqual([
      { vendor: "nvidia", model: "NVIDIA GeForce RTX 4090", memory_mb: 24_564 },
      { vendor: "nvidia", model: "Tesla T4", memory_mb: 15_360 },
    ]);
    expect(parseNvidiaSmi(nvidiaShared)).toEqual([
      { vendor: "nvidia", model: "NVIDIA GB10", memory_mb: null },
    ]);
    expect(parseNvidiaSmi(nvidiaNone)).toEqual([]);
  });

  test("of AMD", () => {
    expect(parseRocmSmi(rocm)).toEqual([{ vendor: "amd", model: "Radeon RX 7900 XTX", memory_mb: 24_560 }]);
    expect(parseRocmSmi(rocmOld)).toEqual([{ vendor: "amd", model: "Navi 21", memory_mb: 16_368 }]);
    expect(parseRocmSmi("WARNING: No AMD GPUs specified")).toEqual([]);
  });

  test("of macOS", () => {
    expect(parseSystemProfiler(appleSilicon)).toEqual([
      { vendor: "apple", model: "Apple M2 Pro", memory_mb: null },
    ]);
    expect(parseSystemProfiler(appleIntel)).toEqual([
      { vendor: "intel", model: "Intel UHD Graphics 630", memory_mb: null },
      { vendor: "amd", model: "AMD Radeon Pro 5500M", memory_mb: 8_192 },
    ]);
  });

  test.each([
    "",
    "null",
    "[]",
    "{}",
    "[".repeat(100_000),
    '{"SPDisplaysDataType": 5}',
    '{"card0": 5}',
    ",,,\n,5",
  ])("that is %#. of no known form says nothing", (text) => {
    for (const parse of [parseNvidiaSmi, parseRocmSmi, parseSystemProfiler]) expect(parse(text)).toEqual([]);
  });

  test("with odd names and sizes stays valid on the wire", () => {
    const odd = `${"x\u202e\u001b[31m".repeat(100)}, 99999999999999999999\nok, 0\n`;
    for (const gpu of parseNvidiaSmi(odd)) expect(Gpu.safeParse(gpu).error).toBeUndefined();
    expect(parseNvidiaSmi(odd)).toHaveLength(2);
  });
});

describe("the GPUs of a machine", () => {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "gpu-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const find = async (parts: Partial<GpuDeps> = {}) => {
    const base = { env: { PATH: join(root, "bin") }, clock: systemClock, platform: "linux", root } as const;
    return (await findGpus({ ...base, ...parts })).gpus;
  };
  const addTool = async (name: string, output: string) => {
    await Bun.write(join(root, `${name}.txt`), output);
    await Bun.write(join(root, "bin", name), `#!/bin/sh\nexec /bin/cat '${join(root, `${name}.txt`)}'\n`);
    await chmod(join(root, "bin", name), 0o755);
  };
  /** As Linux 6 lays them out. */
  const addCard = async (number: number, files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) {
      await Bun.write(join(root, `sys/class/drm/card${number}`, name), `${text}\n`);
    }
  };

  test("are those that the kernel tells of, without any tool", async () => {
    await addCard(0, { "device/vendor": "0x8086" });
    await addCard(1, { "device/vendor": "0x1002", "device/mem_info_vram_total": "17163091968" });
    await addCard(2, { "device/vendor": "0x10de" });
    await addCard(3, { "device/vendor": "0x1af4" });
    await addCard(4, { "device/vendor": "0x8086", "device/tile0/physical_vram_size_bytes": "0x3fa000000" });
    await Bun.write(join(root, "sys/class/drm/card1-HDMI-A-1/status"), "connected\n");
    expect(await find()).toEqual([
      { vendor: "nvidia", model: null, memory_mb: null },
      { vendor: "amd", model: null, memory_mb: 16_368 },
      { vendor: "intel", model: null, memory_mb: null },
      { vendor: "intel", model: null, memory_mb: 16_288 },
    ]);
  });

  test("have names where a tool gives them", async () => {
    await addCard(0, { "device/vendor": "0x1002", "device/mem_info_vram_total": "25753026560" });
    await addCard(1, { "device/vendor": "0x10de" });
    await addTool("nvidia-smi", nvidiaShared);
    await addTool("rocm-smi", rocm);
    expect((await find()).map(({ model }) => model)).toEqual(["NVIDIA GB10", "Radeon RX 7900 XTX"]);
  });

  test("of a Mac are what macOS says", async () => {
    await addTool("system_profiler", appleSilicon);
    expect(await find({ platform: "darwin" })).toEqual([
      { vendor: "apple", model: "Apple M2 Pro", memory_mb: null },
    ]);
  });

  test("are none on a bare machine, and a tool that fails or hangs is no failure", async () => {
    expect(await find()).toEqual([]);
    for (const [name, script] of [
      ["nvidia-smi", "exec /bin/sleep 30"],
      ["rocm-smi", "exit 3"],
    ] as const) {
      await Bun.write(join(root, "bin", name), `#!/bin/sh\n${script}\n`);
      await chmod(join(root, "bin", name), 0o755);
    }
    const clock = {
      ...systemClock,
      after: (_: number, callback: () => void) => systemClock.after(50, callback),
    };
    expect(await find({ clock })).toEqual([]);
  });
});
