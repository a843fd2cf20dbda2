import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { silentLog } from "../../platform/log.ts";
import { directHeartbeatMs } from "../../protocol/direct.ts";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { CoordinatorCalls } from "./coordinator-calls.ts";
import { createMembershipLoop, firstRegisterPauseMs, maxFailedHeartbeats } from "./membership-loop.ts";

const unreachable = new MeshError("COORDINATOR_UNREACHABLE", "not there");

function start(parts: { credentials?: readonly string[]; isSameMesh?: boolean } = {}) {
  const clock = createManualClock();
  const ended = new AbortController();
  const used: string[] = [];
  const beats: string[] = [];
  let count = 0;
  const answers: { register: (credential: string) => void; heartbeat: () => void } = {
    register: () => {},
    heartbeat: () => {},
  };
  const calls: CoordinatorCalls = {
    register: async (credential) => {
      used.push(credential.reveal());
      answers.register(credential.reveal());
      count += 1;
      return { node_id: `node-${count}`, token: new Secret(`token-${count}`) };
    },
    heartbeat: async ({ node_id: id }, status) => {
      beats.push(`${id} ${status}`);
      answers.heartbeat();
    },
    deregister: () => Promise.resolve(),
    isClassic: () => Promise.resolve(true),
  };
  const registered: string[] = [];
  const members = createMembershipLoop({
    calls,
    credentials: () => (parts.credentials ?? ["admin"]).map((text) => new Secret(text)),
    registration: () => ({
      name: "heron",
      endpoint: "127.0.0.1:1",
      capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] },
      told: { version: "test", slots: 1, runtimes: [] },
    }),
    status: () => "online",
    onRegistered: async ({ node_id: id }, isFirst) => void registered.push(`${id} ${isFirst}`),
    onUnreachable: () => {},
    isSameMesh: () => Promise.resolve(parts.isSameMesh === true),
    clock,
    log: silentLog,
    signal: ended.signal,
  });
  /** Lets what was promised happen, then moves the time. */
  const pass = async (ms: number) => {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { members, answers, used, beats, registered, pass, ended };
}

describe("a direct node's place in its mesh", () => {
  test("is kept by a heartbeat every 15 s", async () => {
    const { members, beats, pass } = start();
    await members.register();
    void members.run();
    for (let beat = 0; beat < 3; beat += 1) await pass(directHeartbeatMs);
    expect(beats).toEqual(["node-1 online", "node-1 online", "node-1 online"]);
  });

  test("is taken again after five failed heartbeats, with the node's own token first", async () => {
    const { members, answers, used, registered, pass } = start();
    await members.register();
    void members.run();
    answers.heartbeat = () => {
      throw unreachable;
    };
    for (let beat = 1; beat < maxFailedHeartbeats; beat += 1) await pass(directHeartbeatMs);
    expect(registered).toEqual(["node-1 true"]);
    answers.register = (credential) => {
      if (credential === "token-1") throw new MeshError("TOKEN_INVALID", "unknown");
    };
    await pass(directHeartbeatMs);
    expect(registered).toEqual(["node-1 true", "node-2 false"]);
    expect(used).toEqual(["admin", "token-1", "admin"]);
  });

  test("is taken again at once when the coordinator says that it does not know the node", async () => {
    const { members, answers, registered, pass } = start();
    await members.register();
    void members.run();
    answers.heartbeat = () => {
      throw new MeshError("ROUTE_NOT_FOUND", "node not found");
    };
    await pass(directHeartbeatMs);
    expect(registered).toEqual(["node-1 true", "node-2 false"]);
  });

  test("is tried for with growing pauses while the coordinator is away", async () => {
    const { members, answers, used, pass } = start();
    answers.register = () => {
      throw unreachable;
    };
    void members.register();
    await pass(0);
    expect(used).toHaveLength(1);
    await pass(firstRegisterPauseMs);
    expect(used).toHaveLength(2);
    await pass(firstRegisterPauseMs);
    expect(used).toHaveLength(2);
    await pass(firstRegisterPauseMs);
    expect(used).toHaveLength(3);
  });

  test("is not begged for when it was refused", async () => {
    const { members, answers } = start({ credentials: ["own", "admin"] });
    answers.register = () => {
      throw new MeshError("NAME_TAKEN", "taken");
    };
    expect(members.register()).rejects.toMatchObject({ code: "NAME_TAKEN" });
  });

  test("ends when the coordinator that it joined has removed it", async () => {
    const { members, answers, pass } = start({ isSameMesh: true });
    await members.register();
    const run = members.run();
    answers.heartbeat = () => {
      throw new MeshError("TOKEN_INVALID", "this token opens nothing here");
    };
    const ended = run.then(
      () => null,
      (error: unknown) => error,
    );
    await pass(directHeartbeatMs);
    expect(await ended).toMatchObject({ code: "TOKEN_INVALID" });
  });
});
