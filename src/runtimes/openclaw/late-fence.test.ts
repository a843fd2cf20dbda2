import { describe, expect, test } from "bun:test";
import { systemIds } from "../../platform/ids.ts";
import { silentLog } from "../../platform/log.ts";
import { type AttemptKey, type TaskId, toAttemptKey } from "../../protocol/ids.ts";
import type { RuntimeAttempt } from "../runtime.ts";
import type { ConnectionState } from "./connection.ts";
import { createLateFences, maxOwedFences } from "./late-fence.ts";

const connecting: ConnectionState = { kind: "connecting", problem: null };
const connected: ConnectionState = {
  kind: "connected",
  gateway: { version: "1", bootId: "boot", sinceMs: 0 },
};

function attemptOf(task: TaskId = systemIds.task(), number = 1): RuntimeAttempt {
  return {
    key: toAttemptKey(task, number),
    content: "work",
    source: "test",
    session: null,
    labels: {},
    effects: "safe",
    timeoutMs: 1000,
    isUntrusted: false,
  };
}

interface Fence {
  readonly key: AttemptKey;
  readonly signal: AbortSignal;
  readonly end: (isFenced: boolean) => void;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function start(first: ConnectionState = connecting) {
  let state = first;
  const listeners = new Set<() => void>();
  const fences: Fence[] = [];
  const late = createLateFences({
    connection: {
      state: () => state,
      onState: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    fence: ({ key }, signal) => {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      fences.push({ key, signal, end: resolve });
      return promise;
    },
    log: silentLog,
  });
  return {
    late,
    fences,
    keys: () => fences.map(({ key }) => key),
    isListening: () => listeners.size > 0,
    become: async (next: ConnectionState) => {
      state = next;
      for (const listener of [...listeners]) listener();
      await turn();
    },
    end: async (index: number, isFenced: boolean) => {
      fences[index]?.end(isFenced);
      await turn();
    },
  };
}

describe("runs that were given up while the gateway was away", () => {
  test("are fenced one after the other when it is back, and then forgotten", async () => {
    const { late, keys, become, end, isListening } = start();
    const [one, two] = [attemptOf(), attemptOf()];
    late.owe(one);
    late.owe(two);
    expect(keys()).toEqual([]);
    await become(connected);
    expect(keys()).toEqual([one.key]);
    await end(0, true);
    expect(keys()).toEqual([one.key, two.key]);
    expect(isListening()).toBe(true);
    // The gateway is there, and still it cannot be done: trying again would not help.
    await end(1, false);
    expect(isListening()).toBe(false);
    await become(connected);
    expect(keys()).toHaveLength(2);
  });

  test("are tried again when the connection was lost meanwhile", async () => {
    const { late, keys, become, end } = start(connected);
    const one = attemptOf();
    late.owe(one);
    await become(connecting);
    await end(0, false);
    await become(connected);
    expect(keys()).toEqual([one.key, one.key]);
  });

  test("are not fenced when they belong to a conversation", async () => {
    const { late, keys } = start(connected);
    late.owe({ ...attemptOf(), session: { key: "0".repeat(32), name: "home" } });
    await turn();
    expect(keys()).toEqual([]);
  });

  test("are left alone when their task runs here again", async () => {
    const { late, keys, become, isListening } = start();
    const task = systemIds.task();
    late.owe(attemptOf(task, 1));
    await late.forget(attemptOf(task, 2));
    expect(isListening()).toBe(false);
    await become(connected);
    expect(keys()).toEqual([]);
  });

  test("are not being fenced any more when their task may run here again", async () => {
    const { late, fences, end } = start(connected);
    const task = systemIds.task();
    late.owe(attemptOf(task, 1));
    let isFree = false;
    const forgotten = late.forget(attemptOf(task, 2)).then(() => {
      isFree = true;
    });
    await turn();
    expect(isFree).toBe(false);
    expect(fences[0]?.signal.aborted).toBe(true);
    await end(0, false);
    await forgotten;
  });

  test("do not keep other tasks waiting while one is fenced", async () => {
    const { late, fences } = start(connected);
    late.owe(attemptOf());
    await late.forget(attemptOf());
    expect(fences[0]?.signal.aborted).toBe(false);
  });

  test("are fenced again when they are given up again in the middle of that", async () => {
    const { late, keys, end, isListening } = start(connected);
    const task = systemIds.task();
    const [first, second] = [attemptOf(task, 1), attemptOf(task, 2)];
    late.owe(first);
    late.owe(second);
    await end(0, true);
    expect(keys()).toEqual([first.key, second.key]);
    await end(1, true);
    expect(isListening()).toBe(false);
  });

  test("are remembered up to a number; the oldest are forgotten", async () => {
    const { late, keys, become, end } = start();
    const attempts = Array.from({ length: maxOwedFences + 1 }, () => attemptOf());
    for (const attempt of attempts) late.owe(attempt);
    await become(connected);
    for (let index = 0; index < attempts.length; index += 1) await end(index, true);
    expect(keys()).toEqual(attempts.slice(1).map(({ key }) => key));
  });

  test("are left alone when the agent lets go of the gateway", async () => {
    const { late, fences, keys, become, end } = start(connected);
    late.owe(attemptOf());
    late.owe(attemptOf());
    late.stop();
    expect(fences[0]?.signal.aborted).toBe(true);
    await end(0, false);
    await become(connected);
    expect(keys()).toHaveLength(1);
  });
});
