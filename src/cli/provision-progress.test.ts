import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type CliBench, createCliBench } from "../../test/support/cli-run.ts";
import { type ReleaseServer, startReleaseServer } from "../../test/support/release-server.ts";
import { tarFile, tarOf } from "../../test/support/tar.ts";
import { zeroclawAsset } from "../../test/support/zeroclaw/archive.ts";

let bench: CliBench;
let releases: ReleaseServer;
beforeAll(async () => {
  bench = await createCliBench();
  releases = await startReleaseServer();
  const program = Buffer.concat([
    Buffer.from('#!/bin/sh\necho "zeroclaw 0.8.4"\nexit 0\n'),
    crypto.getRandomValues(new Uint8Array(65_000)),
  ]);
  releases.publish("v0.8.4", zeroclawAsset(), { bytes: gzipSync(tarOf(tarFile("zeroclaw", program))) });
});
afterAll(async () => {
  await releases[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

const install = (
  name: string,
  options: { readonly isTerminal: boolean; readonly args?: readonly string[] },
) => {
  const home = join(bench.directory, name);
  const provider = ["--api-base", "http://127.0.0.1:1/v1", "--api-model", "m"];
  return bench.run(["runtime", "install", "zeroclaw", "--no-start", ...provider, ...(options.args ?? [])], {
    isTerminal: options.isTerminal,
    env: {
      PATH: "",
      HOME: home,
      CLAW_MESH_HOME: home,
      ZEROCLAW_CONFIG_DIR: join(home, "zeroclaw"),
      CLAW_MESH_ZEROCLAW_RELEASES: releases.url,
    },
  });
};

describe("the progress of an installation", () => {
  test("is a bar on a terminal, which is gone at the end", async () => {
    releases.fail({ pauseMs: 400 });
    const { exitCode, stderr } = await install("terminal", { isTerminal: true });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/Kv0\.8\.4-zeroclaw-\S+ \[#+-+\] \d+ % of 0 MiB/);
    expect(stderr.split("\n").filter((line) => line.includes("download "))).toHaveLength(1);
    expect(stderr.slice(stderr.lastIndexOf("\u001b[K"))).not.toContain("[#");
  });

  test("is one line a step in a pipe, and nothing with --json", async () => {
    releases.fail({});
    const { stderr, stdout } = await install("pipe", { isTerminal: false });
    expect(
      stderr
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ).toEqual(["download", "check", "unpack", "put", "write"]);
    expect(stderr).not.toContain("\r");
    expect(stdout).toMatch(
      /^ZeroClaw 0\.8\.4 is installed and set up, because it was asked for; it was not started\.\n$/,
    );
    const again = await install("pipe", { isTerminal: false, args: ["--json"] });
    expect(again.stderr).toBe("");
    expect(JSON.parse(again.stdout)).toEqual({
      did: "installed",
      runtime: "zeroclaw",
      version: "0.8.4",
      endpoint: null,
      ready: false,
      needs_restart: false,
      reasons: [{ kind: "asked" }],
    });
  });
});
