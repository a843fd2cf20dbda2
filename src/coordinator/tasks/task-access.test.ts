import { describe, expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import { toOutline } from "../../../test/support/store/task-model.ts";
import type { Task } from "../../domain/tasks/task.ts";
import { silentLog } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Scope } from "../../protocol/http/route.ts";
import { NodeId } from "../../protocol/ids.ts";
import type { TaskQuery } from "../../store/tasks.ts";
import { anonymous, type Principal } from "../auth/principal.ts";
import { createBulkTasks } from "./bulk-tasks.ts";
import { createTaskAccess } from "./task-access.ts";
import { createTaskFilters } from "./task-filter.ts";
import { createTaskPages } from "./task-pages.ts";

function principal(subject: string, ...scopes: readonly Scope[]): Principal {
  return { ...anonymous, subject, scopes: new Set(scopes) };
}

const sampleNodeId = NodeId.parse(`node_${"1".repeat(32)}`);
const otherNodeId = NodeId.parse(`node_${"2".repeat(32)}`);
const own = createSampleTask({}, { subject: "me" });
const other = createSampleTask({}, { subject: "you" });
const tasks = new Map<string, Task>([own, other].map((task) => [task.message.id, task]));
const access = createTaskAccess({
  engine: { find: () => null },
  store: { get: async (id) => tasks.get(id) ?? null },
  groupsOf: (nodeId) => (nodeId === sampleNodeId ? ["Lab"] : []),
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

describe("who operates only the nodes of some groups", () => {
  const limited = { ...principal("me", "send", "read", "operate"), groups: ["lab"] };
  const place = { subject: "you", nodeId: null, allowedGroups: null };
  test.each([
    ["its own, wherever it is", { ...place, subject: "me", nodeId: otherNodeId }, true],
    ["one on a node of its groups", { ...place, nodeId: sampleNodeId }, true],
    ["one that can run on nodes of its groups only", { ...place, allowedGroups: ["LAB"] }, true],
    ["one that no node has taken", place, false],
    ["one on another node", { ...place, nodeId: otherNodeId }, false],
    ["one that may also run elsewhere", { ...place, allowedGroups: ["lab", "prod"] }, false],
  ])("changes %s: %#", (_what, task, isAllowed) => {
    expect(access.mayChange(task, limited)).toBe(isAllowed);
    expect(access.mayChange(task, { ...limited, groups: null })).toBe(true);
    expect(access.mayChange(task, { ...limited, scopes: new Set(["send", "read"]) })).toBe(
      task.subject === "me",
    );
  });

  test("is told why of another", async () => {
    expect(await outcome(access.change(other.message.id, limited))).toBe("SCOPE_MISSING");
    expect(await outcome(access.see(other.message.id, limited))).toBe("you");
  });
});

describe("tasks by their sender", () => {
  const registry = { nodes: [], findKnown: () => null };
  const filters = createTaskFilters({
    registry,
    groups: { list: () => [], of: () => [] },
    subjectNamed: (name) => (name === "ci" ? "token_ci" : null),
  });
  const outline = toOutline(own);
  const all = { subject: null, groups: null };
  test.each([
    ["ci", all, "token_ci", true],
    ["token_gone", all, "token_gone", true],
    ["me", { subject: "me", groups: null }, "me", true],
    ["ci", { subject: "me", groups: null }, "me", false],
    ["token_ci", { subject: "me", groups: null }, "me", false],
  ] as const)("%s, for %j", (subject, viewer, asked, isFound) => {
    const { query, fits } = filters.select({ subject }, viewer);
    expect([query.subject, fits(outline)]).toEqual([asked, isFound]);
  });
});

describe("a bulk call with a filter", () => {
  const registry = { nodes: [], findKnown: () => null };
  const filters = createTaskFilters({
    registry,
    groups: { list: () => [], of: () => [] },
    subjectNamed: (name) => (name === "ci" ? "token_ci" : null),
  });

  async function subjectAskedFor(who: Principal): Promise<string | null> {
    const queries: TaskQuery[] = [];
    const list = async (query: TaskQuery) => {
      queries.push(query);
      return { tasks: [], next: null };
    };
    const bulk = createBulkTasks({ pages: createTaskPages({ list }), access, filters, log: silentLog });
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
