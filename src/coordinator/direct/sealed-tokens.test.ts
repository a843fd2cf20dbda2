import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemIds } from "../../platform/ids.ts";
import { silentLog } from "../../platform/log.ts";
import { createSeal, loadSeal } from "../../platform/sealing.ts";
import { Secret } from "../../protocol/secret.ts";
import type { NodeRecord, NodeStore } from "../../store/nodes.ts";
import { createSealedNodeStore } from "./sealed-tokens.ts";

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

const tokenIn = (store: ReturnType<typeof createKept>, node: NodeRecord) =>
  store.kept.get(node.id)?.directToken?.reveal() ?? null;

describe("the token of a direct node", () => {
  test("is not in the database as it is, and comes back as it was", async () => {
    const store = createKept();
    const sealed = createSealedNodeStore(store, { seal: createSeal(randomBytes(32)), log: silentLog });
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
    const sealed = createSealedNodeStore(store, { seal: createSeal(randomBytes(32)), log: silentLog });
    expect((await sealed.list())[0]?.directToken?.reveal()).toBe(clear);
    expect(tokenIn(store, node)).toStartWith("sealed1.");
    expect((await sealed.list())[0]?.directToken?.reveal()).toBe(clear);
  });

  test("counts as none with another key, in the row of another node, or when it was changed", async () => {
    const store = createKept();
    const seal = createSeal(randomBytes(32));
    const sealed = createSealedNodeStore(store, { seal, log: silentLog });
    const [node, other] = [createRecord(new Secret(clear)), createRecord(null)];
    await sealed.save(node);
    const kept = tokenIn(store, node) ?? "";
    await store.save({ ...other, directToken: new Secret(kept) });
    expect((await sealed.list()).find(({ id }) => id === other.id)?.directToken).toBeNull();
    const stranger = createSealedNodeStore(store, { seal: createSeal(randomBytes(32)), log: silentLog });
    expect((await stranger.list()).map(({ directToken }) => directToken)).toEqual([null, null]);
    for (const changed of [`${kept.slice(0, -3)}AAA`, "sealed1.", "sealed1.AAAA", `${kept}AAAA`])
      expect(seal.open(changed, node.id)).toBeNull();
  });

  test("that there is none of stays none", async () => {
    const store = createKept();
    const sealed = createSealedNodeStore(store, { seal: createSeal(randomBytes(32)), log: silentLog });
    await sealed.save(createRecord(null));
    expect((await sealed.list())[0]?.directToken).toBeNull();
  });
});

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
