/**
 * Random commands against a coordinator on SQLite, with nodes that obey the link protocol and nothing else, and a small
 * model of what was promised: crashes, cut links, dead agents, late and repeated reports, clocks that jump. After every
 * command the invariants of docs/reference/task-states.md hold, and in the end every task is accounted for.
 *
 * A failure prints the seed and the shortest history that still fails. `QUEUE_MODEL_SEED=<seed>` runs the same again,
 * `QUEUE_MODEL_RUNS=<number>` more of them.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { countedAttempts, toRetryPolicy } from "../../../src/domain/tasks/retry-policy.ts";
import type { Task, TaskMessage } from "../../../src/domain/tasks/task.ts";
import { isTerminal } from "../../../src/domain/tasks/task-machine.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { MeshError } from "../../../src/protocol/errors.ts";
import type { Failure } from "../../../src/protocol/failure.ts";
import type { TaskId } from "../../../src/protocol/ids.ts";
import type { NodeFrame, OfferFrame } from "../../../src/protocol/link/v1/frames.ts";
import { createSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { HeldAttempt, PaperNode } from "../../support/paper-node.ts";
import { createQueueWorld, type QueueWorld } from "../../support/queue-world.ts";
import { createTempDir } from "../../support/temp-dir.ts";

const numRuns = Number(Bun.env.QUEUE_MODEL_RUNS ?? 150);
const givenSeed = Bun.env.QUEUE_MODEL_SEED;

/** Name and slots. A mesh has the first, the first two, or all of them. */
const allNodes = [
  ["one", 1],
  ["two", 2],
  ["three", 4],
] as const;
const node = fc.nat(allNodes.length - 1);
/** Which of the things that there are, counted round. */
const which = fc.nat(7);

const submit = fc.record({
  kind: fc.constant("submit" as const),
  effects: fc.constantFrom("safe", "unsafe"),
  isSynchronous: fc.boolean(),
  priority: fc.nat(9),
  source: fc.constantFrom("one", "two"),
  session: fc.constantFrom(null, null, "s1", "s1", "s2"),
  key: fc.constantFrom(null, null, null, "k1", "k2"),
  needs: fc.constantFrom("nothing", "nothing", "nothing", "nothing", "nothing", "nothing", "gpu"),
  notBeforeInMs: fc.constantFrom(null, null, null, null, null, 3_000, 60_000),
  expiresInMs: fc.constantFrom(null, null, null, null, null, 1_000, 20_000),
  timeoutMs: fc.constantFrom(600_000, 600_000, 60_000, 4_000),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
});

const failures: fc.Arbitrary<Failure> = fc.record({
  class: fc.constantFrom("runtime_error", "runtime_error", "runtime_error", "too_large", "refused"),
  kind: fc.constantFrom("overloaded", "internal", "internal", "auth", "bad_request"),
  message: fc.constant("it failed"),
  nothing_done: fc.boolean(),
});

const commands = fc.oneof(
  { weight: 6, arbitrary: submit },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("join" as const), node }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("start" as const), node, which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("succeed" as const), node, which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("fail" as const), node, which, failure: failures }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("refuse" as const), node, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), node, which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("stop" as const), node, which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("repeat" as const), node, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut off" as const), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("disconnect" as const), node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("die" as const), node }) },
  // Away for as long as it takes a safe task to move: what it ran comes back beside what it is asked anew.
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("flap" as const), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retry" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("discard" as const), which }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(100, 100, 700, 700, 2_000, 5_000, 12_000, 31_000, 200_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("set the clock" as const),
      byMs: fc.constantFrom(-3_600_000, -5_000, 5_000, 3_600_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const) }) },
);
type Command = (typeof commands extends fc.Arbitrary<infer Value> ? Value : never) & {
  /** The next command comes before this one's commits. */
  readonly isHasty: boolean;
};
const histories: fc.Arbitrary<Command[]> = fc.array(
  fc
    .tuple(commands, fc.integer({ min: 0, max: 4 }))
    .map(([command, haste]) => ({ ...command, isHasty: haste === 0 })),
  { minLength: 5, maxLength: 60, size: "max" },
);
/** With one node everything comes back to where it was lost; with three it moves. */
const meshSizes = fc.integer({ min: 1, max: allNodes.length });

/** What was promised to those who submitted, and what was seen of it. */
interface Model {
  readonly accepted: Map<TaskId, TaskMessage>;
  readonly refused: Set<TaskId>;
  readonly byKey: Map<string, TaskId>;
  readonly ended: Map<TaskId, unknown>;
  /** Faults of the test itself and answers that must not be. */
  readonly complaints: string[];
}

const at = <T>(all: readonly T[], which: number): T | undefined => all[which % Math.max(1, all.length)];

async function perform(world: QueueWorld, model: Model, command: Command): Promise<void> {
  switch (command.kind) {
    case "submit":
      return submitOne(world, model, command);
    case "cancel": {
      const id = at([...model.accepted.keys()], command.which);
      const live = id === undefined ? null : world.now().engine.find(id);
      if (live !== null) void world.now().engine.cancel(live);
      return;
    }
    case "retry":
      return retryOne(world, model, command.which);
    case "discard": {
      const id = at([...model.accepted.keys()], command.which);
      if (id !== undefined) await world.now().store.tasks.discard(id, world.clock.nowMs());
      return;
    }
    case "wait":
      return world.elapse(command.ms);
    case "set the clock":
      world.clock.skipWall(command.byMs);
      return;
    case "crash":
      return world.crash();
    case "flap":
      at(world.nodes, command.node)?.disconnect();
      await world.elapse(700);
      at(world.nodes, command.node)?.connect(world.now().links);
      return world.settle();
    default:
      actOn(world, command);
  }
}

type NodeCommand = Exclude<Extract<Command, { readonly node: number }>, { readonly kind: "flap" }>;

function actOn(world: QueueWorld, command: NodeCommand): void {
  const paper = at(world.nodes, command.node);
  if (paper === undefined) return;
  if ("which" in command) {
    if (command.kind === "repeat") paper.repeat(command.which);
    else {
      const others = world.nodes.filter((other) => other !== paper);
      const able = [paper, ...others].find((other) => fittingAttempts(other, command.kind).length > 0);
      if (able !== undefined) actOnAttempt(able, command);
    }
  } else if (command.kind === "join") paper.connect(world.now().links);
  else if (command.kind === "cut off") paper.isCutOff = true;
  else if (command.kind === "disconnect") paper.disconnect();
  else paper.die();
}

/** Attempts of the node to which this can happen now. */
function fittingAttempts(paper: PaperNode, kind: NodeCommand["kind"]): readonly HeldAttempt[] {
  const wanted = kind === "start" || kind === "refuse" ? "held" : "started";
  return paper.journal.filter(
    ({ state, isStopWanted }) => state === wanted && (kind !== "stop" || isStopWanted),
  );
}

function actOnAttempt(paper: PaperNode, command: Extract<NodeCommand, { readonly which: number }>): void {
  const held = at(fittingAttempts(paper, command.kind), command.which);
  if (held === undefined) return;
  if (command.kind === "start") paper.start(held);
  else if (command.kind === "refuse") paper.refuse(held);
  else if (command.kind === "fail")
    paper.end(held, (offer) => ({ type: "failed", ...refOf(offer), failure: command.failure }));
  else if (command.kind === "lose")
    paper.end(held, (offer) => ({
      type: "lost",
      ...refOf(offer),
      started: true,
      fenced: true,
      reason: "gone",
    }));
  else if (command.kind === "stop") paper.end(held, (offer) => ({ type: "cancelled", ...refOf(offer) }));
  else paper.end(held, answer);
}

const refOf = ({ task, attempt }: OfferFrame) => ({ task, attempt });
const answerText = (task: TaskId, attempt: number) => `answer of ${task}.${attempt}`;

function answer(offer: OfferFrame): NodeFrame {
  const text = answerText(offer.task, offer.attempt);
  return { type: "result", ...refOf(offer), length: text.length, text };
}

async function submitOne(
  world: QueueWorld,
  model: Model,
  command: Extract<Command, { readonly kind: "submit" }>,
): Promise<void> {
  const nowMs = world.clock.nowMs();
  const isQueued = !command.isSynchronous;
  const epoch = (inMs: number | null) => (isQueued && inMs !== null ? nowMs + inMs : null);
  const notBeforeMs = epoch(command.notBeforeInMs);
  const expiresAtMs = epoch(command.expiresInMs);
  const message = world.message({
    effects: command.effects,
    isSynchronous: command.isSynchronous,
    priority: command.priority,
    source: command.source,
    session: command.session,
    requires: command.needs === "gpu" ? { gpu: true } : {},
    timeoutMs: command.timeoutMs,
    retry: toRetryPolicy({ max_attempts: command.maxAttempts }),
    notBeforeMs: expiresAtMs === null ? notBeforeMs : null,
    expiresAtMs,
    idempotencyKey: command.key,
    bodyHash: command.key === null ? null : "the same body",
  });
  await accept(world, model, message, command.isHasty);
}

/** Notes what the engine promises; a process that dies before it answers has promised nothing. */
async function accept(
  world: QueueWorld,
  model: Model,
  message: TaskMessage,
  isHasty: boolean,
): Promise<void> {
  const asked = world.now();
  const answered = asked.engine.submit(message).then(
    (live) => {
      if (asked.isDead()) return;
      const { task } = live;
      if (!model.accepted.has(live.id)) model.accepted.set(live.id, task.message);
      const key = message.idempotencyKey;
      if (key === null) return;
      const known = model.byKey.get(key);
      if (known !== undefined && known !== live.id)
        model.complaints.push(`key ${key} made ${known} and ${live.id}`);
      model.byKey.set(key, live.id);
    },
    (error: unknown) => {
      if (asked.isDead()) return;
      if (!(error instanceof MeshError)) model.complaints.push(`submit rejected with ${String(error)}`);
      model.refused.add(message.id);
    },
  );
  if (!isHasty) await Promise.race([answered, world.settle()]);
}

async function retryOne(world: QueueWorld, model: Model, which: number): Promise<void> {
  const id = at([...model.accepted.keys()], which);
  if (id === undefined) return;
  const task = await world.now().store.tasks.get(id);
  if (task === null || !isTerminal(task.state)) return;
  const before = model.accepted.size;
  const message = { ...task.message, id: systemIds.task(), createdAtMs: world.clock.nowMs() };
  const again: TaskMessage = {
    ...message,
    isSynchronous: false,
    retryOf: id,
    notBeforeMs: null,
    expiresAtMs: null,
    idempotencyKey: null,
    bodyHash: null,
  };
  const submitted = accept(world, model, again, true);
  // It is committed in full: that takes real time.
  await Promise.race([submitted, new Promise((resolve) => setTimeout(resolve, 60))]);
  if (task.retriedAs !== null && model.accepted.size > before && model.accepted.has(again.id)) {
    model.complaints.push(`${id} ran again twice: as ${task.retriedAs} and ${again.id}`);
  }
}

/** The invariants of docs/reference/task-states.md. */
async function check(world: QueueWorld, model: Model, isThorough = false): Promise<void> {
  expect(model.complaints).toEqual([]);
  expect(world.faults).toEqual([]);
  const { store } = world.now();
  for (const id of model.accepted.keys()) {
    if (model.ended.has(id) && !isThorough) continue;
    const task = await store.tasks.get(id);
    if (task === null) throw new Error(`every accepted task is terminal or visible: ${id} is gone`);
    checkTask(task, model);
  }
  for (const id of model.refused) {
    if ((await store.tasks.get(id)) !== null) throw new Error(`${id} was refused and is on record`);
  }
  checkExecutions(world, model);
}

function checkTask(task: Task, model: Model): void {
  const { id } = task.message;
  const fail = (invariant: string): never => {
    throw new Error(`${invariant}: ${Bun.inspect({ ...task, decision: null }, { depth: 4 })}`);
  };
  const open = task.attempts.filter(({ state }) => state === "offered" || state === "started");
  if (open.length > 1 || (open.length === 1 && open[0] !== task.attempts.at(-1)))
    fail("at most one attempt is current, the newest");
  if ((open.length === 1) !== (task.state === "running"))
    fail("a task is running while it has a current attempt");
  if (countedAttempts(task) > task.message.retry.maxAttempts)
    fail("counted attempts never exceed the most that the task may have");
  if (task.state === "succeeded" && task.response !== answerText(id, task.attempts.at(-1)?.number ?? 0))
    fail("a report for another attempt number never becomes the result");
  if (task.state === "failed" && task.failure === null) fail("a failed task says why");
  if (!isTerminal(task.state)) return;
  const { state, response, failure, endedAtMs, attempts } = task;
  const outcomes = attempts.map((one) => [one.number, one.state, one.failure]);
  const ending = { state, response, failure, endedAtMs, outcomes };
  const known = model.ended.get(id);
  if (known === undefined) model.ended.set(id, ending);
  else if (!Bun.deepEquals(known, ending)) fail("a terminal task never moves");
}

function checkExecutions(world: QueueWorld, model: Model): void {
  const runs = world.nodes.flatMap((paper) => paper.executions);
  for (const [id, { effects }] of model.accepted) {
    const ofTask = runs.filter((run) => run.task === id).sort((a, b) => a.attempt - b.attempt);
    const again = ofTask.slice(0, -1).find((run) => !run.isNothingDone);
    if (effects === "unsafe" && again !== undefined) {
      throw new Error(
        `an unsafe task never reaches a runtime again after an attempt that may have had effects: ${Bun.inspect(ofTask)}`,
      );
    }
    if (new Set(ofTask.map(({ attempt }) => attempt)).size < ofTask.length)
      throw new Error(`an attempt ran twice: ${Bun.inspect(ofTask)}`);
  }
}

/** The nodes that are there do what they are asked, and nothing else happens. */
function workOn(world: QueueWorld): void {
  for (const paper of world.nodes.filter(({ isLinked }) => isLinked)) {
    for (const held of paper.journal) {
      if (held.state === "held") paper.start(held);
      if (held.state === "started") paper.end(held, answer);
    }
  }
}

/** Left alone for two minutes, no task waits while a node that could take it has nothing to do. */
async function checkIdle(world: QueueWorld, model: Model): Promise<void> {
  // A conversation waits for its node as long as that counts as linked and full.
  if (world.nodes.some(({ isCutOff }) => isCutOff) || !world.nodes.some(({ isLinked }) => isLinked)) return;
  for (let round = 0; round < 60 && (await unaccounted(world, model)).length > 0; round += 1) {
    workOn(world);
    await world.elapse(2_000);
    await check(world, model);
  }
  const { engine, registry } = world.now();
  const isIdle = ({ name, isLinked, journal }: PaperNode) => {
    const known = registry.find(name);
    const canServe = known?.isOnline === true && known.isReady && !known.isBreakerOpen;
    return isLinked && canServe && journal.every(({ state }) => state === "ended");
  };
  if (!world.nodes.some(isIdle)) return;
  const forgotten = (await unaccounted(world, model)).find(({ message, state }) => {
    const isDue = (message.notBeforeMs ?? 0) <= world.clock.nowMs();
    return state === "queued" && isDue && engine.find(message.id)?.passedOver.size === 0;
  });
  if (forgotten !== undefined)
    throw new Error(`no task waits beside an idle node: ${Bun.inspect(forgotten, { depth: 5 })}`);
}

/** All nodes come back and do what they are asked; then every task has to end, or to say what it waits for. */
async function finish(world: QueueWorld, model: Model): Promise<void> {
  await checkIdle(world, model);
  // A clock that was set back makes the moments that tasks wait for later than they were meant.
  const latestMs = Math.max(0, ...[...model.accepted.values()].map(({ notBeforeMs }) => notBeforeMs ?? 0));
  world.clock.skipWall(Math.max(0, latestMs - world.clock.nowMs()));
  for (let round = 0; round < 60 && (await unaccounted(world, model)).length > 0; round += 1) {
    for (const paper of world.nodes) {
      if (!paper.isLinked) {
        paper.disconnect();
        paper.connect(world.now().links);
        await world.settle();
      }
    }
    workOn(world);
    await world.elapse(round < 30 ? 1_000 : 20_000);
    await check(world, model);
  }
  await check(world, model, true);
  const [left] = await unaccounted(world, model);
  if (left !== undefined) {
    throw new Error(
      `every accepted task is terminal or visible with a reason: ${Bun.inspect(left, { depth: 5 })}`,
    );
  }
}

/** Tasks that have not ended and do not wait for what is not there: no node has a GPU. */
async function unaccounted(world: QueueWorld, model: Model): Promise<readonly Task[]> {
  const open = [...model.accepted.keys()].filter((id) => !model.ended.has(id));
  const tasks = await Promise.all(open.map((id) => world.now().store.tasks.get(id)));
  return tasks
    .filter((task) => task !== null)
    .filter(({ message, state }) => {
      const unblock = world.now().engine.find(message.id)?.task.decision?.unblock ?? [];
      const isVisible = state === "queued" && message.requires.gpu === true && unblock.length > 0;
      return !isTerminal(state) && !isVisible;
    });
}

test("whatever happens, every accepted task is accounted for and nothing runs twice that must not", async () => {
  await using dir = await createTempDir();
  const template = join(dir.path, "template.db");
  await (await createSqliteStore({ file: template, clock: systemClock, ids: systemIds })).close();
  const seed = givenSeed === undefined ? Date.now() % 2 ** 31 : Number(givenSeed);
  process.stdout.write(`queue model: seed ${seed}, ${numRuns} histories\n`);
  await fc.assert(
    fc.asyncProperty(meshSizes, histories, async (size, history) => {
      await using world = await createQueueWorld({
        nodes: allNodes.slice(0, size),
        template,
      });
      const model: Model = {
        accepted: new Map(),
        refused: new Set(),
        byKey: new Map(),
        ended: new Map(),
        complaints: [],
      };
      // The third one comes only when it is told to.
      for (const paper of world.nodes.slice(0, 2)) paper.connect(world.now().links);
      await world.settle();
      for (const command of history) {
        await perform(world, model, command);
        if (command.isHasty) continue;
        await world.settle();
        await check(world, model, command.kind === "crash");
      }
      await world.settle();
      await finish(world, model);
    }),
    { seed, numRuns },
  );
}, 120_000);
