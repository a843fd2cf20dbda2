import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type CliBench,
  createCliBench,
  digits,
  nodeId,
  nodeInfo,
  type Reply,
  type SeenRequest,
} from "../../../test/support/cli-run.ts";
import { chainOrigin, nextEntry } from "../../domain/audit/audit-chain.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { AuditEntry } from "../../protocol/audit.ts";

const tokenId = `token_${digits("e")}`;

const token = {
  id: tokenId,
  name: "phone",
  shown: "cmt_abcdefgh",
  scopes: ["operate"],
  groups: null,
  rate_per_minute: null,
  untrusted: false,
  created_at: "2026-11-22T10:00:00.000Z",
  created_by: "admin",
  rotated_at: null,
  expires_at: null,
  last_used_at: null,
  last_used_from: null,
  revoked_at: null,
};

function createChain(length: number): AuditEntry[] {
  const chain: AuditEntry[] = [];
  for (let index = 0; index < length; index += 1) {
    const fact = {
      at: "2026-11-22T10:00:00.123Z",
      subject: index === 1 ? tokenId : "admin",
      address: index === 0 ? null : "10.0.0.7",
      action: "node.change",
      target: index === 1 ? nodeId : `thing ${index}`,
      result: index === 2 ? "SCOPE_MISSING" : "ok",
      details: index === 2 ? { count: 7 } : {},
    };
    chain.push(nextEntry(chain.at(-1) ?? chainOrigin, fact, sha256Hex));
  }
  return chain;
}

const intact = {
  is_intact: true,
  entries: 0,
  first_seq: 1,
  last_seq: 1,
  head: "",
  broken_at: null,
  reason: null,
};

describe("claw-mesh audit", () => {
  let bench: CliBench;
  let chain: AuditEntry[];
  let theirs: object;

  /** As the coordinator does, with pages of 40 at most. */
  function answer({ path, query }: SeenRequest, reply: Reply): void {
    reply.json(answerTo(path, query));
  }

  function answerTo(path: string, query: SeenRequest["query"]): object {
    if (path === "/api/v1/tokens") return { tokens: [token] };
    if (path === "/api/v1/nodes") return [nodeInfo()];
    if (path === "/api/v1/audit/verify") return theirs;
    const limit = Math.min(40, Number(query.limit));
    const from = Number(query.from);
    const rest =
      query.from === undefined
        ? chain.filter((entry) => entry.seq < Number(query.cursor ?? 1e9)).toReversed()
        : chain.filter((entry) => entry.seq >= from);
    const entries = rest.slice(0, limit);
    const last = entries.at(-1)?.seq ?? 0;
    const next = query.from === undefined ? last : last + 1;
    return { entries, next: rest.length > limit ? next : null };
  }

  beforeEach(async () => {
    bench = await createCliBench();
    bench.handle(answer);
    chain = createChain(100);
    theirs = intact;
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  test("list shows names where they are known, repeats, and what was refused", async () => {
    chain = createChain(3);
    const { stdout, exitCode } = await bench.run(["audit", "list"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [
        "TIME                  WHO    FROM      ACTION       TARGET    RESULT",
        "2026-11-22T10:00:00Z  admin  10.0.0.7  node.change  thing 2   SCOPE_MISSING (7 more)",
        "2026-11-22T10:00:00Z  phone  10.0.0.7  node.change  mac-mini  ok",
        "2026-11-22T10:00:00Z  admin  -         node.change  thing 0   ok",
        "",
      ].join("\n"),
    );
  });

  test("list takes pages until it has as many as were asked for, and tells that there are more", async () => {
    const { stdout, stderr } = await bench.run(["audit", "list", "--limit", "90"]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(91);
    expect(stderr).toContain("The newest 90");
    const all = await bench.run(["audit", "list", "--limit", "1000", "--json"]);
    expect(JSON.parse(all.stdout)).toEqual({ entries: chain.toReversed() });
    expect((await bench.run(["audit", "list", "--limit", "0"])).exitCode).toBe(2);
  });

  test("list asks for a token by its id when its name is given", async () => {
    await bench.run(["audit", "list", "--subject", "PHONE", "--action", "node.", "--target", "x"]);
    expect(bench.requestsTo("/audit")[0]?.query).toEqual({
      subject: tokenId,
      action: "node.",
      target: "x",
      limit: "50",
    });
    await bench.run(["audit", "list", "--subject", "anonymous"]);
    expect(bench.requestsTo("/audit").at(-1)?.query).toMatchObject({ subject: "anonymous" });
  });

  test("verify computes the chain itself and tells its head", async () => {
    const { stdout, exitCode } = await bench.run(["audit", "verify"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("The audit is intact: 100 entries, 1 to 100.");
    expect(stdout).toContain(`Head: ${chain[99]?.hash}`);
    expect((await bench.run(["audit", "verify", "--head", chain[50]?.hash ?? ""])).exitCode).toBe(0);
  });

  test("verify finds a changed entry whatever the coordinator says of it", async () => {
    chain = chain.map((entry) => (entry.seq === 60 ? { ...entry, subject: "nobody" } : entry));
    const { stdout, exitCode } = await bench.run(["audit", "verify"]);
    expect(exitCode).toBe(1);
    expect(stdout).toBe(
      "The audit is broken at entry 60.\n  entry 60 was changed: its hash is not that of its fields\n59 entries before it fit.\n",
    );
    const json = await bench.run(["audit", "verify", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ is_intact: false, broken_at: 60, entries: 59 });
    expect(json.exitCode).toBe(1);
  });

  test("verify shows an entry that was made unreadable", async () => {
    chain = chain.map((entry) => (entry.seq === 7 ? { ...entry, at: "yesterday", hash: "none" } : entry));
    expect((await bench.run(["audit", "verify"])).stdout).toContain("broken at entry 7");
  });

  test("verify misses a head that is not there, and takes none that cannot be one", async () => {
    const { stdout, exitCode } = await bench.run(["audit", "verify", "--head", "A".repeat(64)]);
    expect({ stdout, exitCode }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining("noted") });
    expect((await bench.run(["audit", "verify", "--head", "abc"])).exitCode).toBe(2);
    expect((await bench.run(["audit", "verify", "--head", "0".repeat(64)])).exitCode).toBe(2);
  });

  test("verify believes the coordinator when it misses its own newest entry", async () => {
    theirs = { ...intact, is_intact: false, broken_at: 101, reason: "the head is gone" };
    const { stdout, exitCode } = await bench.run(["audit", "verify"]);
    expect({ stdout, exitCode }).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining("the head is gone"),
    });
  });

  test("verify looks twice before it cries: old entries may be deleted while it reads", async () => {
    let reads = 0;
    bench.handle((request, reply) => {
      if (request.path === "/api/v1/audit" && request.query.from === "41" && reads++ === 0) {
        chain = createChain(101);
        const announced = { ...chain[99], action: "audit.prune", details: { first_seq: 61 } } as AuditEntry;
        const before = chain[98] as AuditEntry;
        chain = [...chain.slice(0, 99), nextEntry(before, announced, sha256Hex)].slice(60);
      }
      answer(request, reply);
    });
    const { stdout, exitCode } = await bench.run(["audit", "verify"]);
    expect({ stdout, exitCode }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("61 to 100") });
  });
});
