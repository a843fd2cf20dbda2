import { describe, expect, test } from "bun:test";
import { beginCheck, checkPage, toVerdict } from "../../src/domain/audit/chain-check.ts";
import { sha256Hex } from "../../src/platform/hash.ts";
import { firstAuditHash } from "../../src/protocol/audit.ts";
import { type AuditFact, type AuditQuery, maxPrunedAtOnce } from "../../src/store/audit.ts";
import type { StoreUnderTest } from "./store.ts";

function createFact(parts: Partial<AuditFact> = {}): AuditFact {
  return {
    at: "2026-11-22T10:00:00.000Z",
    subject: "admin",
    address: "10.0.0.7",
    action: "node.change",
    target: "node_a",
    result: "ok",
    details: { weight: 1.5, name: "Élan 家", draining: false, note: null },
    ...parts,
  };
}

const facts = (count: number) =>
  Array.from({ length: count }, (_, index) => createFact({ target: `node_${index + 1}` }));

const anyEntry: AuditQuery = { limit: 1_000, beforeSeq: null, subject: null, action: null, target: null };

export function describeAudit(subject: StoreUnderTest): void {
  describe("audit", () => {
    const audit = () => subject.store().audit;

    async function verdict() {
      return toVerdict(checkPage(beginCheck(), await audit().read(0, 1_000_000), sha256Hex));
    }

    test("begins empty, with the first number and the first hash", async () => {
      expect(await audit().start()).toEqual({ seq: 1, previousHash: firstAuditHash });
      expect(await audit().newest()).toBeNull();
      expect(await audit().read(0, 10)).toEqual([]);
      expect(await audit().list(anyEntry)).toEqual([]);
    });

    test("keeps every field, in order, as one chain, after a restart too", async () => {
      const given = [createFact(), createFact({ address: null, target: null, details: {} }), createFact()];
      await audit().append(given.slice(0, 2));
      const newest = await audit().append(given.slice(2));
      expect(newest).toMatchObject({ ...createFact(), seq: 3 });
      const before = await audit().read(0, 10);
      await subject.reopen();
      const entries = await audit().read(0, 10);
      expect(entries).toEqual(before);
      expect(entries).toMatchObject(given.map((fact, index) => ({ ...fact, seq: index + 1 })));
      expect(entries[0]?.previous_hash).toBe(firstAuditHash);
      expect(entries[1]?.previous_hash).toBe(entries[0]?.hash ?? "");
      expect(await verdict()).toMatchObject({ is_intact: true, entries: 3, head: newest.hash });
    });

    test("keeps the order of calls that are made at once", async () => {
      await Promise.all(facts(200).map((fact) => audit().append([fact])));
      const entries = await audit().read(0, 1_000);
      expect(entries.map((entry) => entry.target)).toEqual(facts(200).map((fact) => fact.target));
      expect(await verdict()).toMatchObject({ is_intact: true, entries: 200 });
    });

    test("appends all entries of a call or, when the database refuses one, none", async () => {
      const bad = createFact({ result: null as never });
      await expect(audit().append([createFact(), bad])).rejects.toBeInstanceOf(Error);
      expect(await audit().newest()).toBeNull();
      await audit().append([createFact()]);
      expect(await verdict()).toMatchObject({ is_intact: true, entries: 1 });
    });

    test("reads on from any entry, oldest first", async () => {
      await audit().append(facts(10));
      expect((await audit().read(4, 3)).map((entry) => entry.seq)).toEqual([4, 5, 6]);
      expect(await audit().read(11, 3)).toEqual([]);
    });

    test("lists by subject, by the beginning of an action and by target, newest first, in pages", async () => {
      await audit().append([
        createFact({ subject: "token_a", action: "token.create" }),
        createFact({ subject: "token_b", action: "token.revoke", target: null }),
        createFact({ subject: "token_a", action: "node.change", target: "Wald" }),
        createFact({ subject: "token_a", action: "token_like" }),
      ]);
      const list = async (query: Partial<AuditQuery>) =>
        (await audit().list({ ...anyEntry, ...query })).map((entry) => entry.seq);
      expect(await list({})).toEqual([4, 3, 2, 1]);
      expect(await list({ limit: 2 })).toEqual([4, 3]);
      expect(await list({ beforeSeq: 3 })).toEqual([2, 1]);
      expect(await list({ subject: "token_a" })).toEqual([4, 3, 1]);
      expect(await list({ action: "token." })).toEqual([2, 1]);
      expect(await list({ target: "Wald" })).toEqual([3]);
      expect(await list({ action: "%" })).toEqual([]);
    });

    test("finds one entry among very many", async () => {
      for (let part = 0; part < 5; part += 1) {
        await audit().append(facts(5_000).map((fact) => ({ ...fact, subject: `part ${part}` })));
      }
      const found = await audit().list({ ...anyEntry, subject: "part 0", target: "node_1" });
      expect(found.map((entry) => entry.seq)).toEqual([1]);
      expect(await audit().list({ ...anyEntry, limit: 3, subject: "part 0" })).toHaveLength(3);
    });

    test("forgets the oldest in steps, never the newest, and the rest stays one chain that goes on", async () => {
      await audit().append(facts(2_500));
      const [kept] = await audit().read(2_401, 1);
      expect(await audit().prune(2_401)).toBe(maxPrunedAtOnce);
      expect(await audit().prune(2_401)).toBe(maxPrunedAtOnce);
      expect(await audit().prune(2_401)).toBe(400);
      expect(await audit().prune(2_401)).toBe(0);
      expect(await audit().start()).toEqual({ seq: 2_401, previousHash: kept?.previous_hash ?? "" });
      await subject.reopen();
      await audit().append([createFact({ action: "audit.prune", details: { first_seq: 2_401 } })]);
      expect(await verdict()).toMatchObject({ is_intact: true, entries: 101, first_seq: 2_401 });
      expect(await audit().prune(1_000_000)).toBe(100);
      expect((await audit().newest())?.seq).toBe(2_501);
      expect(await audit().append([createFact()])).toMatchObject({ seq: 2_502 });
    });
  });
}
