import { describe, expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import type { Task } from "../../domain/tasks/task.ts";
import { silentLog } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Scope } from "../../protocol/http/route.ts";
import type { TaskQuery } from "../../store/tasks.ts";
import { anonymous, type Principal } from "../auth/principal.ts";
import { createBulkTasks } from "./bulk-tasks.ts";
import { createTaskAccess } from "./task-access.ts";
import { createTaskFilters } from "./task-filter.ts";

function principal(subject: string, ...scopes: readonly Scope[]): Principal {
  return { ...anonymous, subject, scopes: new Set(scopes) };
}

const own = createSampleTask({}, { subject: "me" });
const other = createSampleTask({}, { subject: "you" });
const tasks = new Map<string, Task>([own, other].map((task) => [task.message.id, task]));
const access = createTaskAccess({
  engine: { find: () => null },
  store: { get: async (id) => tasks.get(id) ?? null },
});

async function outcome(action: Promise<Task>): Promise<string> {
  try {
    return (await action).message.subject;
  } catch (error) {
    if (error instanceof MeshError) return error.code;
    throw error;
  }
}

describe("who may see and change a task", () => {
  const sender = principal("me", "send");
  const reader = principal("me", "send", "read");
  const operator = principal("me", "send", "read", "operate");
  test.each([
    ["a sender", sender, ["me", "TASK_NOT_FOUND"], ["me", "TASK_NOT_FOUND"]],
    ["a sender who may read", reader, ["me", "you"], ["me", "SCOPE_MISSING"]],
    ["an operator", operator, ["me", "you"], ["me", "you"]],
  ] as const)("%s", async (_who, who, seen, changed) => {
    const ids = [own.message.id, other.message.id];
    expect(await Promise.all(ids.map((id) => outcome(access.see(id, who))))).toEqual([...seen]);
    expect(await Promise.all(ids.map((id) => outcome(access.change(id, who))))).toEqual([...changed]);
  });
});

describe("a bulk call with a filter", () => {
  const registry = { nodes: [], findKnown: () => null };
  const filters = createTaskFilters({ registry, groups: { list: () => [], of: () => [] } });

  async function subjectAskedFor(who: Principal): Promise<string | null> {
    const queries: TaskQuery[] = [];
    const list = async (query: TaskQuery) => {
      queries.push(query);
      return { tasks: [], next: null };
    };
    const bulk = createBulkTasks({ store: { list }, filters, log: silentLog });
    const action = { narrow: (query: TaskQuery) => query, concerns: () => true, apply: async () => ({}) };
    await bulk({ input: { filter: {} }, principal: who, requestId: "req_1" }, action);
    return queries[0]?.subject ?? null;
  }

  test("finds only what the caller may change", async () => {
    expect(await subjectAskedFor(principal("me", "send"))).toBe("me");
    expect(await subjectAskedFor(principal("me", "send", "read"))).toBe("me");
    expect(await subjectAskedFor(principal("me", "operate", "read"))).toBeNull();
  });
});
