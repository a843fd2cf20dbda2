import { describe, expect, test } from "bun:test";
import { createFetch, type HttpFetch } from "../../../src/platform/http-fetch.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import type { RunOutcome, Runtime } from "../../../src/runtimes/runtime.ts";
import { createAttempt, observeRun } from "../../contract/runtime-subject.ts";
import { startZeroclawRig, type ZeroclawRig } from "../../support/zeroclaw/rig.ts";

const platformFetch = createFetch({ env: {} });
const say = (runtime: Runtime, content = "hello") => observeRun(runtime, createAttempt(content)).outcome;
const answered: RunOutcome = { kind: "succeeded", text: "You said: hello" };
const calls = ({ gateway }: ZeroclawRig, call: string) =>
  gateway.seen.requests.filter((request) => request === call).length;
const credentialOf = ({ gateway }: ZeroclawRig) => `zeroclaw 127.0.0.1:${gateway.port}`;

describe("a ZeroClaw that asks for a token", () => {
  test("is paired with on the same machine, under the name of the node, and the token is kept", async () => {
    await using rig = await startZeroclawRig();
    expect(await say(rig.createRuntime())).toEqual(answered);
    expect(rig.gateway.seen.devices).toEqual(["claw-mesh heron"]);
    expect(rig.credentials.kept.get(credentialOf(rig))).toMatch(/^zc_[0-9a-f]{64}$/);
    expect(await say(rig.createRuntime())).toEqual(answered);
    expect(calls(rig, "POST /api/pair")).toBe(1);
  });

  test("is paired with once, whatever comes at the same time", async () => {
    await using rig = await startZeroclawRig();
    const runtime = rig.createRuntime();
    const [probe, ...outcomes] = await Promise.all([runtime.probe(), say(runtime), say(runtime)]);
    expect(probe.status.ready).toBe(true);
    expect(outcomes).toEqual([answered, answered]);
    expect(calls(rig, "POST /api/pair")).toBe(1);
  });

  test("leaves the tokens of others as they are", async () => {
    await using rig = await startZeroclawRig({ gateway: { paired_tokens: ["zc_of_another_device"] } });
    expect(await say(rig.createRuntime())).toEqual(answered);
    expect(rig.gateway.pairing.accepts("zc_of_another_device")).toBe(true);
  });

  test("is paired with again when it no longer takes the token that was kept", async () => {
    await using rig = await startZeroclawRig();
    rig.credentials.put(credentialOf(rig), "zc_of_yesterday");
    expect(await say(rig.createRuntime())).toEqual(answered);
    expect(calls(rig, "POST /api/pair")).toBe(1);
    expect(rig.credentials.kept.get(credentialOf(rig))).not.toBe("zc_of_yesterday");
  });

  test("is paired with again by a running node when its tokens were revoked", async () => {
    await using rig = await startZeroclawRig({ gateway: { paired_tokens: ["zc_of_yesterday"] } });
    rig.credentials.put(credentialOf(rig), "zc_of_yesterday");
    const runtime = rig.createRuntime();
    expect(await say(runtime)).toEqual(answered);
    expect(calls(rig, "POST /api/pair")).toBe(0);
    rig.gateway.pairing.revokeAll();
    expect(await say(runtime)).toEqual(answered);
    expect(calls(rig, "POST /api/pair")).toBe(1);
  });

  test("is not paired with over and over when it refuses what it gave", async () => {
    await using rig = await startZeroclawRig();
    const runtime = rig.createRuntime();
    for (let count = 0; count < 3; count++) {
      expect(await say(runtime)).toEqual(
        count === 0 ? answered : expect.objectContaining({ kind: "failed" }),
      );
      rig.gateway.pairing.revokeAll();
    }
    expect(calls(rig, "POST /api/pair")).toBe(1);
  });

  test("is never paired with in place of a token that the operator gave", async () => {
    await using rig = await startZeroclawRig();
    const runtime = rig.createRuntime({ token: new Secret("zc_mistyped") });
    const failure = { class: "runtime_error", kind: "auth", nothing_done: true };
    expect(await say(runtime)).toMatchObject({ kind: "failed", failure });
    expect((await runtime.probe()).status.reason).toContain("--gateway-token");
    expect(calls(rig, "POST /admin/paircode/new")).toBe(0);
  });

  test("is not paired with on another machine", async () => {
    await using rig = await startZeroclawRig({ gateway: { host: "0.0.0.0" } });
    const runtime = rig.createRuntime({ endpoint: `0.0.0.0:${rig.gateway.port}` });
    const { status } = await runtime.probe();
    expect(status.ready).toBe(false);
    expect(status.reason).toContain("only with a ZeroClaw on its own machine");
    expect(rig.gateway.seen.requests.filter((request) => /pair/.test(request))).toEqual([]);
  });

  test("is not asked again at once when it gives no code to us", async () => {
    await using rig = await startZeroclawRig({ knobs: { isRemote: true } });
    const runtime = rig.createRuntime();
    expect((await runtime.probe()).status.reason).toContain("to its own machine only");
    expect((await runtime.probe()).status.reason).toContain("to its own machine only");
    expect(calls(rig, "POST /admin/paircode/new")).toBe(1);
  });

  test("says what to do when somebody else used the code up", async () => {
    await using rig = await startZeroclawRig();
    const fetch: HttpFetch = (url, init) => {
      if (url.endsWith("/api/pair")) rig.gateway.pairing.newCode();
      return platformFetch(url, init);
    };
    const runtime = rig.createRuntime({ fetch });
    expect((await runtime.probe()).status.reason).toContain("zeroclaw gateway get-paircode --new");
    await runtime.probe();
    // Five wrong codes would lock this machine out for five minutes.
    expect(calls(rig, "POST /api/pair")).toBe(1);
  });

  test("is left in peace for as long as it says when it takes no more pairings", async () => {
    await using rig = await startZeroclawRig({ gateway: { pair_rate_limit_per_minute: 1 } });
    const headers = { "x-pairing-code": "no code" };
    expect((await fetch(`${rig.gateway.url}/pair`, { method: "POST", headers })).status).toBe(403);
    const runtime = rig.createRuntime();
    expect((await runtime.probe()).status.reason).toContain("takes no pairing for another 60 s");
    await runtime.probe();
    expect(calls(rig, "POST /api/pair")).toBe(1);
  });

  test("gets the token in a header and not in its address", async () => {
    await using rig = await startZeroclawRig();
    await say(rig.createRuntime());
    const [socket] = rig.gateway.seen.sockets;
    expect(socket).toMatchObject({ hasHeader: true, protocols: "zeroclaw.v1" });
    expect(socket?.url).not.toContain("zc_");
  });
});

test("a ZeroClaw that asks for no token is given none", async () => {
  await using rig = await startZeroclawRig({ gateway: { require_pairing: false } });
  expect(await say(rig.createRuntime({ token: new Secret("zc_unused") }))).toEqual(answered);
  expect(rig.gateway.seen.sockets[0]?.hasHeader).toBe(false);
  expect(rig.credentials.kept.size).toBe(0);
});
