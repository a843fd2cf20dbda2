import { afterEach, beforeEach, expect, test } from "bun:test";
import type { AuditEntry } from "../../../src/protocol/audit.ts";
import { createCoordinatorProcess, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;

beforeEach(async () => {
  mesh = await createCoordinatorProcess();
});
afterEach(() => mesh[Symbol.asyncDispose]());

async function readAll(): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const { body } = await mesh.call("GET", `/api/v1/audit?from=${from}&limit=1000`);
    entries.push(...body.entries);
    from = body.next;
  }
  return entries;
}

/** Makes groups on many connections until the coordinator is gone. @returns those whose making was answered */
async function changeUntilKilled(round: number, onDone: (done: number) => void): Promise<readonly string[]> {
  const done: string[] = [];
  let made = 0;
  const work = async () => {
    for (;;) {
      made += 1;
      const name = `group-${round}-${made}`;
      try {
        const { status } = await mesh.call("PUT", `/api/v1/groups/${name}`, { body: { nodes: ["mac"] } });
        if (status !== 200) return;
      } catch {
        // It was killed.
        return;
      }
      done.push(name);
      onDone(done.length);
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
  return done;
}

test("a coordinator killed in the middle of changes leaves an intact chain with every change that was answered (3 kills)", async () => {
  const answered: string[] = [];
  let head: string | null = null;
  for (const [round, kills] of [40, 150, 300].entries()) {
    let crash: Promise<void> | null = null;
    const done = await changeUntilKilled(round, (count) => {
      if (count >= kills) crash ??= mesh.crash();
    });
    answered.push(...done);
    await crash;
    const query = head === null ? "" : `?head=${head}`;
    const { body } = await mesh.call("GET", `/api/v1/audit/verify${query}`);
    expect(body).toMatchObject({ is_intact: true });
    head = body.head;
  }
  const entries = await readAll();
  const made = new Set(entries.filter((entry) => entry.action === "group.put").map((entry) => entry.target));
  expect(answered.length).toBeGreaterThan(400);
  expect(answered.filter((name) => !made.has(name))).toEqual([]);
  expect(entries.filter((entry) => entry.action === "coordinator.start")).toHaveLength(4);
  expect(entries.filter((entry) => entry.action === "coordinator.stop")).toHaveLength(0);
}, 60_000);
