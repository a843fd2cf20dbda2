import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { canonicalText, chainOrigin, nextEntry } from "../../../src/domain/audit/audit-chain.ts";
import { sha256Hex } from "../../../src/platform/hash.ts";
import { AuditEntry, type AuditVerdict } from "../../../src/protocol/audit.ts";
import { type CliBench, createCliBench } from "../../support/cli-run.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
let bench: CliBench;
/** Noted while the coordinator ran; of entry {@link count}. */
let head: string;

/** Entries there are before somebody tampers: the start, 20 calls, the stop. */
const count = 22;

beforeEach(async () => {
  mesh = await createTestCoordinator();
  bench = await createCliBench();
  for (let made = 0; made < 20; made += 1) {
    await mesh.call("PUT", `/api/v1/groups/group-${made}`, { body: { nodes: ["mac-mini"] } });
  }
  await mesh.stop();
  head = read().at(-1)?.hash ?? "";
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

const open = () => new Database(join(mesh.dataDir, "mesh.db"), { readwrite: true, strict: true });

function read(): AuditEntry[] {
  using database = open();
  const rows = database.query("select * from audit order by seq").all() as { details: string }[];
  return rows.map((row) => AuditEntry.parse({ ...row, details: JSON.parse(row.details) }));
}

/** As somebody does who has the file and knows SQL: without the triggers. */
function edit(...statements: readonly string[]): void {
  using database = open();
  const triggers = database.query("select name, sql from sqlite_schema where type = 'trigger'").all() as {
    name: string;
    sql: string;
  }[];
  for (const { name } of triggers) database.run(`drop trigger ${name}`);
  for (const statement of statements) database.run(statement);
  for (const { sql } of triggers) database.run(sql);
}

/** Writes these entries in place of all that are there. */
function replaceAll(entries: readonly AuditEntry[]): void {
  const text = (value: string | null) => (value === null ? "null" : `'${value.replaceAll("'", "''")}'`);
  edit(
    "delete from audit",
    ...entries.map(
      (entry) => `insert into audit values (${entry.seq}, ${text(entry.at)}, ${text(entry.subject)},
        ${text(entry.address)}, ${text(entry.action)}, ${text(entry.target)}, ${text(entry.result)},
        ${text(JSON.stringify(entry.details))}, ${text(entry.previous_hash)}, ${text(entry.hash)})`,
    ),
  );
}

/** Starts the coordinator again; what it says, and what the command line finds by itself. */
async function verify(notedHead?: string): Promise<AuditVerdict> {
  await mesh.restart();
  const query = notedHead === undefined ? "" : `?head=${notedHead}`;
  const { body } = await mesh.call("GET", `/api/v1/audit/verify${query}`);
  const { stdout, exitCode } = await bench.run(
    ["audit", "verify", "--json", ...(notedHead === undefined ? [] : ["--head", notedHead])],
    {
      env: {
        CLAW_MESH_COORDINATOR: `http://127.0.0.1:${mesh.port()}`,
        CLAW_MESH_TOKEN: mesh.token,
      },
    },
  );
  expect(JSON.parse(stdout)).toEqual(body);
  expect(exitCode).toBe(body.is_intact ? 0 : 1);
  return body;
}

/** The same facts with others' hands in them, hashed again from the first on. */
function rewrite(entries: readonly AuditEntry[], change: (entry: AuditEntry) => AuditEntry): AuditEntry[] {
  const anew: AuditEntry[] = [];
  for (const entry of entries) anew.push(nextEntry(anew.at(-1) ?? chainOrigin, change(entry), sha256Hex));
  return anew;
}

test("an audit that nobody has touched is intact after a restart, and holds the head that was noted", async () => {
  expect(await verify(head)).toMatchObject({ is_intact: true, entries: count + 1 });
});

describe("is found without a noted head:", () => {
  const fields = {
    at: "'2020-01-01T00:00:00.000Z'",
    subject: "'token_somebody_else'",
    address: "null",
    action: "'group.get'",
    target: "'other'",
    result: "'SCOPE_MISSING'",
    details: "'{}'",
    previous_hash: `'${"a".repeat(64)}'`,
    hash: `'${"a".repeat(64)}'`,
  };
  for (const [field, value] of Object.entries(fields)) {
    for (const seq of [2, 12]) {
      test(`another ${field} in entry ${seq}`, async () => {
        edit(`update audit set ${field} = ${value} where seq = ${seq}`);
        expect(await verify()).toMatchObject({ is_intact: false, broken_at: seq, entries: seq - 1 });
      });
    }
  }

  test.each([
    ["details that are no JSON", "update audit set details = 'gone' where seq = 12", 12],
    ["a removed entry in the middle", "delete from audit where seq = 12", 12],
    ["several removed entries", "delete from audit where seq in (5, 12, 13)", 5],
    ["removed entries at the beginning", "delete from audit where seq < 5", 1],
    ["a hole that was closed by renumbering", "update audit set seq = seq - 1 where seq > 12", 12],
  ])("%s", async (_, statement, brokenAt) => {
    edit(...(statement.includes("seq - 1") ? ["delete from audit where seq = 12"] : []), statement);
    expect(await verify()).toMatchObject({ is_intact: false, broken_at: brokenAt });
  });

  test("two entries whose places were exchanged", async () => {
    edit(
      "update audit set seq = 1000 where seq = 12",
      "update audit set seq = 12 where seq = 13",
      "update audit set seq = 13 where seq = 1000",
    );
    expect(await verify()).toMatchObject({ is_intact: false, broken_at: 12 });
  });

  test("an entry that was put in between", async () => {
    const entries = read();
    const forged = nextEntry(
      entries[10] ?? chainOrigin,
      { ...(entries[10] as AuditEntry), subject: "x" },
      sha256Hex,
    );
    const later = entries.slice(11).map((entry) => ({ ...entry, seq: entry.seq + 1 }));
    replaceAll([...entries.slice(0, 11), forged, ...later]);
    expect(await verify()).toMatchObject({ is_intact: false, broken_at: 13 });
  });

  test("an entry that was changed and hashed again", async () => {
    const entries = read().map((entry) => {
      if (entry.seq !== 12) return entry;
      const changed = { ...entry, subject: "nobody" };
      return { ...changed, hash: sha256Hex(canonicalText(changed)) };
    });
    replaceAll(entries);
    expect(await verify()).toMatchObject({ is_intact: false, broken_at: 13 });
  });
});

describe("is found by a head that was noted, and only so:", () => {
  test("removed entries at the end", async () => {
    edit("delete from audit where seq > 15");
    expect(await verify()).toMatchObject({ is_intact: true });
    // The coordinator has gone on behind what was left.
    expect(await verify(head)).toMatchObject({ is_intact: false, broken_at: expect.any(Number) });
  });

  test("all entries removed", async () => {
    edit("delete from audit");
    expect(await verify(head)).toMatchObject({ is_intact: false });
  });

  test("the whole chain written anew", async () => {
    replaceAll(rewrite(read(), (entry) => (entry.seq === 12 ? { ...entry, subject: "nobody" } : entry)));
    expect(await verify()).toMatchObject({ is_intact: true, entries: count + 1 });
    expect(await verify(head)).toMatchObject({ is_intact: false });
  });

  test("the newest entries written anew", async () => {
    replaceAll(rewrite(read(), (entry) => (entry.seq === count - 1 ? { ...entry, result: "x" } : entry)));
    expect(await verify()).toMatchObject({ is_intact: true });
    expect(await verify(head)).toMatchObject({ is_intact: false });
  });
});

test("a running coordinator misses its newest entries by itself", async () => {
  await mesh.restart();
  await mesh.call("PUT", "/api/v1/groups/last", { body: { nodes: ["mac-mini"] } });
  edit("delete from audit where action = 'group.put' and target = 'last'");
  const { body } = await mesh.call("GET", "/api/v1/audit/verify");
  expect(body).toMatchObject({ is_intact: false });
});

test("no call of the API changes or removes an entry", async () => {
  await mesh.restart();
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    for (const path of ["/api/v1/audit", "/api/v1/audit/1", "/api/v1/audit/verify"]) {
      expect([404, 405]).toContain((await mesh.call(method, path, { body: {} })).status);
    }
  }
});
