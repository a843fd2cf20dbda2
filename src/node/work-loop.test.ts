import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createScriptedRuntime } from "../../test/support/scripted-runtime.ts";
import { createDeadlines } from "../platform/deadlines.ts";
import { systemIds } from "../platform/ids.ts";
import { silentLog } from "../platform/log.ts";
import type { MeshId } from "../protocol/ids.ts";
import type { NodeFrame, OfferFrame } from "../protocol/link/v1/frames.ts";
import { openJournal } from "./journal.ts";
import { createRuntimeWatch } from "./runtime-watch.ts";
import { createWorkLoop } from "./work-loop.ts";

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
});

function openFolder() {
  const folder = mkdtempSync(join(tmpdir(), "work-loop-"));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const offerOf = (parts: Partial<OfferFrame> = {}): OfferFrame => ({
  type: "offer",
  task: systemIds.task(),
  attempt: 1,
  content: "work",
  source: "test",
  effects: "unsafe",
  timeout_ms: 60_000,
  ...parts,
});

/** A process of a node with two runtimes. */
async function startNode(folder: string) {
  const clock = createManualClock();
  const journal = openJournal({
    file: join(folder, "journal.db"),
    clock,
    ids: systemIds,
    scheduleTurn: queueMicrotask,
    log: silentLog,
    bootId: "boot-1",
  });
  cleanUps.push(() => journal.close());
  const wait = Promise.withResolvers<null>();
  cleanUps.push(() => wait.resolve(null));
  const runtimes = (["openclaw", "zeroclaw"] as const).map((kind) =>
    createScriptedRuntime({ kind, reattach: () => wait.promise }),
  );
  const watch = createRuntimeWatch({ runtimes, slots: null, clock });
  await watch.probe();
  const frames: NodeFrame[] = [];
  const work = createWorkLoop({
    journal,
    link: {
      isUp: () => true,
      send: (frame) => void frames.push(frame),
      whenRoom: () => Promise.resolve(true),
    },
    watch,
    meshId: `mesh_${"1".repeat(32)}` as MeshId,
    maxRunMs: null,
    clock,
    deadlines: createDeadlines(clock),
    scheduleTurn: queueMicrotask,
    log: silentLog,
    onRecoveringChanged: () => {},
    onIdle: () => {},
  });
  const inFlight = () => watch.statuses().map((status) => status.in_flight);
  return { journal, work, frames, inFlight };
}

test("a run that is taken up after a restart holds a slot of the runtime that had it", async () => {
  const folder = openFolder();
  const before = await startNode(folder);
  before.work.takeOffers([offerOf({ runtime: "zeroclaw" })]);
  expect(before.inFlight()).toEqual([0, 1]);
  before.journal.close();
  const after = await startNode(folder);
  after.work.reattach();
  expect(after.work.summary().running).toMatchObject([{ runtime: "zeroclaw" }]);
  expect(after.inFlight()).toEqual([0, 1]);
});

test("what cannot be journalled holds no slot", async () => {
  const { journal, work, frames, inFlight } = await startNode(openFolder());
  journal.close();
  work.takeOffers([offerOf(), offerOf({ runtime: "zeroclaw" })]);
  expect(frames).toMatchObject([
    { type: "refuse", reason: "journal_full" },
    { type: "refuse", reason: "journal_full" },
  ]);
  expect(inFlight()).toEqual([0, 0]);
});
