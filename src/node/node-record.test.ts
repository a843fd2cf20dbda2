import { expect, test } from "bun:test";
import { mkdir, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { systemIds } from "../platform/ids.ts";
import { silentLog } from "../platform/log.ts";
import type { WelcomeFrame } from "../protocol/link/v1/frames.ts";
import { openIdentity } from "./identity.ts";
import { createNodeRecord } from "./node-record.ts";

async function setUp() {
  const dir = await createTempDir();
  const place = { dataDir: dir.path, meshId: systemIds.mesh(), name: "heron" };
  const identity = await openIdentity(place);
  const create = () =>
    createNodeRecord({
      identity,
      granted: null,
      coordinatorUrl: "http://127.0.0.1:9180",
      name: "heron",
      nowMs: () => 1_000,
      log: silentLog,
    });
  const welcome: WelcomeFrame = {
    type: "welcome",
    version: 1,
    mesh_id: place.meshId,
    node_id: systemIds.node(),
    name: "heron",
    token: "t".repeat(32),
    software: "test",
    returning: false,
    beat_ms: 5_000,
    backoff_cap_ms: 2_000,
    resume: [],
  };
  const stop = async () => {
    identity.release();
    await dir[Symbol.asyncDispose]();
  };
  return { identity, create, welcome, file: join(dirname(identity.journalFile), "node.json"), stop };
}

test("a node knows itself by its first welcome, and keeps the token that only that one brings", async () => {
  const { identity, create, welcome, stop } = await setUp();
  const record = create();
  expect(record.current()).toBeNull();
  record.take(welcome);
  const { token: _, ...later } = welcome;
  record.take(later);
  await record.saved();
  expect(identity.current()?.node_id).toBe(welcome.node_id);
  expect(identity.current()?.token.reveal()).toBe("t".repeat(32));
  expect(create().current()).toEqual(identity.current());
  await stop();
});

test("a record that could not be written is written with the next welcome", async () => {
  const { create, welcome, file, stop } = await setUp();
  await mkdir(join(file, "in-the-way"), { recursive: true });
  const record = create();
  record.take(welcome);
  expect(await record.saved().catch((error: { code: string }) => error.code)).toBe("DATA_DIR_UNUSABLE");
  await rmdir(join(file, "in-the-way"));
  await rmdir(file);
  record.take(welcome);
  await record.saved();
  expect(await Bun.file(file).json()).toMatchObject({ node_id: welcome.node_id });
  await stop();
});
