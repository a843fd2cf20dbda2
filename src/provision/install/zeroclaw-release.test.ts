import { describe, expect, test } from "bun:test";
import { findChecksum, matchZeroclawRelease } from "./zeroclaw-release.ts";

const linux = { platform: "linux", arch: "x64", libc: { name: "glibc", version: "2.39" } } as const;
const sum = "0123456789abcdef".repeat(4);

describe("a release of ZeroClaw", () => {
  test.each([
    [linux, "zeroclaw-x86_64-unknown-linux-gnu.tar.gz"],
    [
      { ...linux, libc: { name: "glibc", version: "2.31" } as const },
      "zeroclaw-x86_64-unknown-linux-musl.tar.gz",
    ],
    [
      { ...linux, libc: { name: "musl", version: "1.2" } as const },
      "zeroclaw-x86_64-unknown-linux-musl.tar.gz",
    ],
    [{ ...linux, libc: null }, "zeroclaw-x86_64-unknown-linux-musl.tar.gz"],
    [{ ...linux, arch: "arm64" as const }, "zeroclaw-aarch64-unknown-linux-gnu.tar.gz"],
    [{ platform: "darwin", arch: "arm64", libc: null } as const, "zeroclaw-aarch64-apple-darwin.tar.gz"],
  ])("has the archive of the machine", (machine, asset) => {
    const release = matchZeroclawRelease(machine, { version: null, env: {} });
    const folder = "https://github.com/zeroclaw-labs/zeroclaw/releases/download/v0.8.4";
    expect(release).toEqual({
      tag: "v0.8.4",
      asset,
      archiveUrl: `${folder}/${asset}`,
      checksumsUrl: `${folder}/SHA256SUMS`,
    });
  });

  test.each(["0.8.5", "v0.8.5"])("is the one of the version %s", (version) => {
    expect(matchZeroclawRelease(linux, { version, env: {} }).tag).toBe("v0.8.5");
  });

  test.each(["latest", "1", "v1..2", "0.8.5/../..", "0.8.5?x", "", "0.8.5 "])(
    "is of no version %j",
    (version) => {
      expect(() => matchZeroclawRelease(linux, { version, env: {} })).toThrow("is no version");
    },
  );

  test.each([
    "https://mirror.example/zeroclaw",
    "https://mirror.example/zeroclaw/",
    "http://127.0.0.1:8000/zeroclaw",
    "http://localhost:8000",
  ])("comes from %s when that is told", (place) => {
    const env = { CLAW_MESH_ZEROCLAW_RELEASES: place };
    const { archiveUrl } = matchZeroclawRelease(linux, { version: null, env });
    expect(archiveUrl).toBe(`${place.replace(/\/$/, "")}/v0.8.4/zeroclaw-x86_64-unknown-linux-gnu.tar.gz`);
  });

  test.each([
    "http://mirror.example/zeroclaw",
    "http://10.0.0.1/zeroclaw",
    "ftp://127.0.0.1/zeroclaw",
    "https://me:word@mirror.example/",
    "https://mirror.example/?x=1",
    "mirror",
  ])("does not come from %s", (place) => {
    const env = { CLAW_MESH_ZEROCLAW_RELEASES: place };
    expect(() => matchZeroclawRelease(linux, { version: null, env })).toThrow("CLAW_MESH_ZEROCLAW_RELEASES");
  });
});

describe("a checksum", () => {
  test.each([
    `${sum}  a.tar.gz\n`,
    `${sum} *a.tar.gz\r\n`,
    `${"f".repeat(64)}  b.tar.gz\n${sum.toUpperCase()}  ./a.tar.gz`,
    `${sum}  a.tar.gz\n${sum}  a.tar.gz\n`,
  ])("is read from %j", (text) => {
    expect(findChecksum(text, "a.tar.gz")).toBe(sum);
  });

  test.each([
    "",
    `${sum}  aa.tar.gz\n`,
    `${sum}  a.tar.gz.sig\n`,
    `${sum.slice(1)}  a.tar.gz\n`,
    `${sum}a.tar.gz\n`,
    `${sum}  a.tar.gz\n${"f".repeat(64)}  a.tar.gz\n`,
  ])("is not there in %j", (text) => {
    expect(findChecksum(text, "a.tar.gz")).toBeNull();
  });
});
