import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../../platform/clock.ts";
import { systemIds } from "../../platform/ids.ts";
import { type Log, silentLog } from "../../platform/log.ts";
import { createSeal, loadSeal } from "../../platform/sealing.ts";
import { Secret } from "../../protocol/secret.ts";
import type { NodeRecord, NodeStore } from "../../store/nodes.ts";
import { createSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { createSealedNodeStore, type SealedTokensDeps } from "./sealed-tokens.ts";

const clear = "cmn_0123456789abcdef0123456789abcdef";

function createRecord(directToken: Secret | null): NodeRecord {
  return {
    id: systemIds.node(),
    name: "mac",
    capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] },
    addedTags: [],
    removedTags: [],
    scheduling: "active",
    weight: 1,
    tokenHash: "",
    transport: "direct",
    endpoint: "127.0.0.1:1",
    directToken,
    version: null,
    joinedAtMs: 0,
    lastSeenAtMs: 0,
    hiddenAtMs: null,
    isRemoved: false,
  };
}

function createKept(): NodeStore & { readonly kept: Map<string, NodeRecord> } {
  const kept = new Map<string, NodeRecord>();
  return {
    kept,
    save: async (node) => void kept.set(node.id, node),
    list: () => Promise.resolve([...kept.values()]),
  };
}

const deps = (parts: Partial<SealedTokensDeps> = {}): SealedTokensDeps => ({
  seal: createSeal(randomBytes(32)),
  scrub: () => Promise.resolve(),
  backups: () => [],
  log: silentLog,
  ...parts,
});

const tokenIn = (store: ReturnType<typeof createKept>, node: NodeRecord) =>
  store.kept.get(node.id)?.directToken?.reveal() ?? null;

describe("the token of a direct node", () => {
  test("is not in the database as it is, and comes back as it was", async () => {
    const store = createKept();
    const sealed = createSealedNodeStore(store, deps());
    const node = createRecord(new Secret(clear));
    await sealed.save(node);
    expect(tokenIn(store, node)).toStartWith("sealed1.");
    expect(tokenIn(store, node)).not.toContain("cmn_");
    expect((await sealed.list())[0]?.directToken?.reveal()).toBe(clear);
  });

  test("that an earlier version left in clear works on, and is sealed at once", async () => {
    const store = createKept();
    const node = createRecord(new Secret(clear));
    await store.save(node);
    const sealed = createSealedNodeStore(store, deps());
    expect((await sealed.list())[0]?.directToken?.reveal()).toBe(clear);
    expect(tokenIn(store, node)).toStartWith("sealed1.");
    expect((await sealed.list())[0]?.directToken?.reveal()).toBe(clear);
  });

  test("counts as none with another key, in the row of another node, or when it was changed", async () => {
    const store = createKept();
    const seal = createSeal(randomBytes(32));
    const sealed = createSealedNodeStore(store, deps({ seal }));
    const [node, other] = [createRecord(new Secret(clear)), createRecord(null)];
    await sealed.save(node);
    const kept = tokenIn(store, node) ?? "";
    await store.save({ ...other, directToken: new Secret(kept) });
    expect((await sealed.list()).find(({ id }) => id === other.id)?.directToken).toBeNull();
    const stranger = createSealedNodeStore(store, deps());
    expect((await stranger.list()).map(({ directToken }) => directToken)).toEqual([null, null]);
    for (const changed of [`${kept.slice(0, -3)}AAA`, "sealed1.", "sealed1.AAAA", `${kept}AAAA`])
      expect(seal.open(changed, node.id)).toBeNull();
  });

  test("that was left in clear is nowhere in the database afterwards, and the log names the backups with it", async () => {
    await using dir = await createTempDir();
    const file = join(dir.path, "mesh.db");
    const openStore = () => createSqliteStore({ file, clock: systemClock, ids: systemIds });
    const before = await openStore();
    // Tokens that were replaced, and one of a node that grew, so that rows were moved.
    const records = Array.from({ length: 200 }, (_, at) => ({
      ...createRecord(new Secret(`${clear}-${at}`)),
      name: `n${at}`,
    }));
    for (const record of records) await before.nodes.save(record);
    for (const record of records)
      await before.nodes.save({
        ...record,
        directToken: new Secret(`${clear}-new`),
        endpoint: "long".repeat(50),
      });
    await before.close();
    expect(await inClear(dir.path)).toBeGreaterThan(0);

    const warned: unknown[] = [];
    const after = await openStore();
    const log: Log = { ...silentLog, warn: (_, facts) => warned.push(facts) };
    const backups = () => ["mesh.db.backup-v1-then"];
    const sealed = createSealedNodeStore(after.nodes, deps({ scrub: after.scrub, backups, log }));
    expect((await sealed.list())[0]?.directToken?.reveal()).toBe(`${clear}-new`);
    expect(await inClear(dir.path)).toBe(0);
    expect(warned).toMatchObject([{ backups: backups() }]);
    await sealed.list();
    expect(warned).toHaveLength(1);
    await after.close();
    expect(await inClear(dir.path)).toBe(0);
  });

  test("that there is none of stays none", async () => {
    const store = createKept();
    const sealed = createSealedNodeStore(store, deps());
    await sealed.save(createRecord(null));
    expect((await sealed.list())[0]?.directToken).toBeNull();
  });
});

/** How often it is in the files of a folder. */
async function inClear(folder: string): Promise<number> {
  const texts = (await readdir(folder)).map((name) => readFile(join(folder, name), "latin1"));
  return (await Promise.all(texts)).join().split(clear).length - 1;
}

describe("the key of the seal", () => {
  test("is made once, in a file that only its owner may read", async () => {
    await using dir = await createTempDir();
    const path = join(dir.path, "direct.key");
    const text = (await loadSeal(path)).close(new Secret(clear), "a");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await loadSeal(path)).open(text, "a")?.reveal()).toBe(clear);
  });

  test("is refused when the file holds something else", async () => {
    await using dir = await createTempDir();
    const path = join(dir.path, "direct.key");
    await writeFile(path, "abc");
    await expect(loadSeal(path)).rejects.toMatchObject({ code: "DATA_DIR_UNUSABLE" });
  });
});
