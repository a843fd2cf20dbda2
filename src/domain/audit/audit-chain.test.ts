import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { AuditEntry, firstAuditHash } from "../../protocol/audit.ts";
import { canonicalText, chainOrigin, nextEntry } from "./audit-chain.ts";
import { toStorableFact } from "./audit-text.ts";
import { beginCheck, checkPage, toVerdict } from "./chain-check.ts";

const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");

const fact = {
  at: "2026-11-22T10:00:00.000Z",
  subject: "admin",
  address: "10.0.0.7",
  action: "token.create",
  target: "token_1",
  result: "ok",
  details: { uses: 2, name: "家", late: null, untrusted: true },
};

function createChain(length: number, after = chainOrigin): AuditEntry[] {
  const chain: AuditEntry[] = [];
  for (let index = 0; index < length; index += 1) {
    chain.push(nextEntry(chain.at(-1) ?? after, { ...fact, target: `token_${index}` }, sha256));
  }
  return chain;
}

const verify = (chain: readonly AuditEntry[], heads: readonly string[] = []) =>
  toVerdict(checkPage(beginCheck(heads), chain, sha256));

const rehash = (entry: AuditEntry): AuditEntry => ({ ...entry, hash: sha256(canonicalText(entry)) });

const at = (chain: readonly AuditEntry[], seq: number): AuditEntry => {
  const entry = chain[seq - 1];
  if (entry === undefined) throw new Error(`the chain has no entry ${seq}`);
  return entry;
};

describe("the hash of an entry", () => {
  test("is SHA-256 over a JSON array of its fields, details sorted by key", () => {
    const entry = nextEntry(chainOrigin, fact, sha256);
    const text =
      '[1,"2026-11-22T10:00:00.000Z","admin","10.0.0.7","token.create","token_1","ok",' +
      `[["late",null],["name","家"],["untrusted",true],["uses",2]],"${firstAuditHash}"]`;
    expect(canonicalText(entry)).toBe(text);
    expect(entry.hash).toBe("8a5677c0f92a96840c272885f62b2b6727ce1e83a7316d3f5782e3d21af3f6e3");
    expect(entry.hash).toBe(sha256(text));
  });

  test("does not depend on the order in which details were given", () => {
    const other = { ...fact, details: { untrusted: true, late: null, name: "家", uses: 2 } };
    expect(nextEntry(chainOrigin, other, sha256)).toEqual(nextEntry(chainOrigin, fact, sha256));
  });

  test("tells apart what would be one text when joined", () => {
    const left = nextEntry(chainOrigin, { ...fact, subject: "a", action: "bc" }, sha256);
    const right = nextEntry(chainOrigin, { ...fact, subject: "ab", action: "c" }, sha256);
    const none = nextEntry(chainOrigin, { ...fact, target: null }, sha256);
    const word = nextEntry(chainOrigin, { ...fact, target: "null" }, sha256);
    expect(new Set([left.hash, right.hash, none.hash, word.hash]).size).toBe(4);
  });
});

describe("a check", () => {
  test("finds nothing wrong with no entry, one, or many in pages of any size", () => {
    expect(verify([])).toMatchObject({ is_intact: true, entries: 0, head: firstAuditHash, first_seq: null });
    const chain = createChain(50);
    for (const size of [1, 7, 50, 99]) {
      let check = beginCheck([at(chain, 1).hash, at(chain, 50).hash]);
      for (let from = 0; from < chain.length; from += size) {
        check = checkPage(check, chain.slice(from, from + size), sha256);
      }
      expect(toVerdict(check)).toEqual({
        is_intact: true,
        entries: 50,
        first_seq: 1,
        last_seq: 50,
        head: at(chain, 50).hash,
        broken_at: null,
        reason: null,
      });
    }
  });

  const changes: Partial<Record<keyof AuditEntry, unknown>> = {
    at: "2026-11-22T10:00:00.001Z",
    subject: "token_9",
    address: null,
    action: "token.revoke",
    target: null,
    result: "SCOPE_MISSING",
    details: { uses: 3, name: "家", late: null, untrusted: true },
    previous_hash: "1".repeat(64),
    hash: "1".repeat(64),
  };
  for (const [field, value] of Object.entries(changes)) {
    test.each([1, 5, 10])(`finds a changed ${field} in entry %d of 10`, (seq) => {
      const chain = createChain(10).map((entry) =>
        entry.seq === seq ? { ...entry, [field]: value } : entry,
      );
      expect(verify(chain)).toMatchObject({ is_intact: false, broken_at: seq, entries: seq - 1 });
    });
  }

  test.each([1, 5, 9])("finds that entry %d was changed and hashed again", (seq) => {
    const chain = createChain(10).map((entry) =>
      entry.seq === seq ? rehash({ ...entry, subject: "token_9" }) : entry,
    );
    expect(verify(chain)).toMatchObject({ is_intact: false, broken_at: seq + 1 });
  });

  test("finds the newest entry changed and hashed again only by a head that was noted", () => {
    const chain = createChain(10);
    const forged = [...chain.slice(0, 9), rehash({ ...at(chain, 10), subject: "token_9" })];
    expect(verify(forged)).toMatchObject({ is_intact: true });
    expect(verify(forged, [at(chain, 10).hash])).toMatchObject({ is_intact: false, broken_at: 11 });
  });

  test.each([2, 5, 9])("finds that entry %d is missing", (seq) => {
    const chain = createChain(10).filter((entry) => entry.seq !== seq);
    expect(verify(chain)).toMatchObject({
      is_intact: false,
      broken_at: seq,
      reason: `entry ${seq} is missing`,
    });
  });

  test("finds two entries in another order, renumbered or not", () => {
    const chain = createChain(10);
    const swapped = [...chain.slice(0, 4), at(chain, 6), at(chain, 5), ...chain.slice(6)];
    expect(verify(swapped)).toMatchObject({ is_intact: false, broken_at: 5 });
    const renumbered = swapped.map((entry, index) => ({ ...entry, seq: index + 1 }));
    expect(verify(renumbered)).toMatchObject({ is_intact: false, broken_at: 5 });
    const hashedAgain = renumbered.map(rehash);
    expect(verify(hashedAgain)).toMatchObject({ is_intact: false, broken_at: 5 });
  });

  test("finds an entry that was put in between, or twice", () => {
    const chain = createChain(10);
    const forged = nextEntry(at(chain, 4), { ...fact, subject: "token_9" }, sha256);
    expect(verify([...chain.slice(0, 4), forged, ...chain.slice(4)])).toMatchObject({
      is_intact: false,
      broken_at: 6,
    });
    expect(verify([...chain.slice(0, 4), forged, ...chain.slice(5)])).toMatchObject({
      is_intact: false,
      broken_at: 6,
    });
    expect(verify([...chain.slice(0, 5), ...chain.slice(4)])).toMatchObject({
      is_intact: false,
      broken_at: 6,
    });
  });

  test("finds removed entries at the end by a head that was noted", () => {
    const chain = createChain(10);
    expect(verify(chain.slice(0, 8), [at(chain, 10).hash])).toMatchObject({
      is_intact: false,
      entries: 8,
      broken_at: 9,
    });
    expect(verify([], [at(chain, 10).hash])).toMatchObject({ is_intact: false, broken_at: 1 });
    expect(verify(chain, [at(chain, 8).hash])).toMatchObject({ is_intact: true });
  });

  test("finds a chain that was written anew by a head that was noted, and by nothing else", () => {
    const chain = createChain(10);
    const anew: AuditEntry[] = [];
    for (const entry of chain) {
      anew.push(nextEntry(anew.at(-1) ?? chainOrigin, { ...entry, subject: "nobody" }, sha256));
    }
    expect(verify(anew)).toMatchObject({ is_intact: true });
    expect(verify(anew, [at(chain, 7).hash])).toMatchObject({ is_intact: false, broken_at: 11 });
  });

  test("finds a first entry that follows something", () => {
    const [first, ...rest] = createChain(3);
    if (first === undefined) throw new Error("the chain is empty");
    const forged = rehash({ ...first, previous_hash: "2".repeat(64) });
    expect(verify([forged, ...rest])).toMatchObject({ is_intact: false, broken_at: 1 });
  });

  test("lets a chain begin where its last prune said, or before, and nowhere later", () => {
    const chain = createChain(10);
    const prune = nextEntry(
      at(chain, 10),
      { ...fact, subject: "coordinator", action: "audit.prune", details: { first_seq: 6 } },
      sha256,
    );
    const all = [...chain, prune];
    for (const first of [1, 4, 6]) {
      expect(verify(all.slice(first - 1))).toMatchObject({ is_intact: true, first_seq: first });
    }
    for (const first of [7, 11]) {
      expect(verify(all.slice(first - 1))).toMatchObject({ is_intact: false, broken_at: 6 });
    }
    expect(verify(all.slice(5), [at(chain, 5).hash])).toMatchObject({ is_intact: true });
    expect(verify(all.slice(5), [at(chain, 4).hash])).toMatchObject({
      is_intact: false,
      reason: expect.stringContaining("older than entry 6"),
    });
  });

  test("goes no further than the first entry that does not fit", () => {
    const chain = createChain(10).map((entry) => (entry.seq === 3 ? { ...entry, subject: "x" } : entry));
    const check = checkPage(beginCheck(), chain.slice(0, 5), sha256);
    expect(checkPage(check, chain.slice(5), sha256)).toBe(check);
  });
});

describe("what is stored", () => {
  const detail = fc.oneof(
    fc.string({ unit: "binary", maxLength: 900 }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
  );
  const text = fc.string({ unit: "binary", maxLength: 400 });
  const anyFact = fc.record({
    at: fc.constant("2026-11-22T10:00:00.000Z"),
    subject: text,
    address: fc.option(text),
    action: text,
    target: fc.option(fc.oneof(text, fc.constant("\ud800 \0 lone"))),
    result: text,
    details: fc.dictionary(text, detail, { maxKeys: 40 }),
  });

  test("is hashed the same after a way through JSON and UTF-8, and is bounded (1,000 runs)", () => {
    fc.assert(
      fc.property(anyFact, (given) => {
        const entry = nextEntry(chainOrigin, toStorableFact(given), sha256);
        const bytes = new TextEncoder().encode(JSON.stringify(entry));
        const back = AuditEntry.parse(JSON.parse(new TextDecoder().decode(bytes)));
        expect(verify([back])).toMatchObject({ is_intact: true });
        expect(JSON.stringify(entry)).not.toContain("\\u0000");
        expect(bytes.length).toBeLessThan(64 * 1024);
      }),
      { numRuns: 1_000 },
    );
  });
});
