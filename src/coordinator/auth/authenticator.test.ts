import { beforeEach, describe, expect, test } from "bun:test";
import { createManualClock, type ManualClock } from "../../../test/support/manual-clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { systemIds } from "../../platform/ids.ts";
import { silentLog } from "../../platform/log.ts";
import type { NewToken, TokenInput } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import { Secret } from "../../protocol/secret.ts";
import type { TokenRecord, TokenStore } from "../../store/tokens.ts";
import type { AuditedAct } from "../audit/audit-trail.ts";
import { type Authenticator, createAuthenticator } from "./authenticator.ts";
import { createGuessGuard, maxNotesPerMinute } from "./guess-guard.ts";
import { firstLockMs, maxFailures } from "./guess-lockout.ts";
import { adminPrincipal, type Principal } from "./principal.ts";
import { createSessions, maxSessionsPerToken, type Sessions, sessionMs } from "./sessions.ts";
import { createTokens, keepEndedMs, type Tokens } from "./tokens.ts";

/** What is left of a store when its disk is taken away: the contract suite of the real one has the rest. */
function createMemoryTokens(): TokenStore & { readonly records: Map<string, TokenRecord> } {
  const records = new Map<string, TokenRecord>();
  return {
    records,
    save: async (token) => void records.set(token.id, token),
    saveUses: async (uses) => {
      for (const { id, atMs, from } of uses) {
        const record = records.get(id);
        if (record !== undefined) records.set(id, { ...record, lastUsedAtMs: atMs, lastUsedFrom: from });
      }
    },
    list: async () => [...records.values()],
    deleteEnded: async (beforeMs) => {
      for (const { id, revokedAtMs, expiresAtMs } of records.values()) {
        if ((revokedAtMs ?? beforeMs) < beforeMs || (expiresAtMs ?? beforeMs) < beforeMs) records.delete(id);
      }
    },
  };
}

const admin = "the-admin-token-of-this-test";
const nodeToken = `cmn_${"1".repeat(32)}`;
const removedToken = `cmn_${"2".repeat(32)}`;
const nodeId = `node_${"1".repeat(32)}` as NodeId;
const home = "192.0.2.1";
const away = "198.51.100.7";

let clock: ManualClock;
let store: ReturnType<typeof createMemoryTokens>;
let notes: AuditedAct[];
let ended: number;
let tokens: Tokens;
let sessions: Sessions;
let authenticator: Authenticator;

beforeEach(async () => {
  clock = createManualClock();
  store = createMemoryTokens();
  await assemble();
});

async function assemble(): Promise<void> {
  notes = [];
  ended = 0;
  const audit = { note: (act: AuditedAct) => void notes.push(act) };
  tokens = await createTokens({
    store,
    isGroup: (name) => name === "macs",
    onEnded: () => {
      ended += 1;
    },
    audit,
    clock,
    ids: systemIds,
    log: silentLog,
  });
  sessions = createSessions({ clock, isSecure: () => false });
  authenticator = createAuthenticator({
    adminToken: new Secret(admin),
    tokens,
    sessions,
    guard: createGuessGuard({ clock, audit }),
    findNodeByTokenHash: (hash) => (hash === sha256Hex(nodeToken) ? nodeId : null),
    isTokenOfRemoved: (hash) => hash === sha256Hex(removedToken),
  });
  tokens.start();
}

function bearer(token: string, address = home): Principal {
  return authenticator.authenticate({
    authorization: `Bearer ${token}`,
    cookie: null,
    address: () => address,
  });
}

function codeOf(call: () => unknown): string {
  try {
    call();
    return "passed";
  } catch (error) {
    return error instanceof MeshError ? error.code : String(error);
  }
}

const make = (
  input: { readonly name?: string } & Omit<Partial<TokenInput>, "name"> = {},
): Promise<NewToken> =>
  tokens.create({ name: "ci", scopes: ["send"], ...input } as TokenInput, adminPrincipal);

const guess = (times: number, address: string, toToken = (at: number) => `guess-${at}-${"x".repeat(20)}`) => {
  for (let at = 0; at < times; at += 1) codeOf(() => bearer(toToken(at), address));
};

describe("a token", () => {
  test("has a form that tells it apart, and more than enough that nobody can guess", async () => {
    const { token, shown } = await make();
    expect(token).toMatch(/^cmt_[0-9a-f]{40}$/);
    expect(shown).toBe(token.slice(0, 12));
    expect([...store.records.values()][0]?.tokenHash).toBe(sha256Hex(token));
    expect(JSON.stringify([...store.records.values()])).not.toContain(token.slice(12));
  });

  test("opens what its scopes say, and brings its limits", async () => {
    const { id, token } = await make({ scopes: ["send"], groups: ["macs"], untrusted: true });
    expect(bearer(token)).toMatchObject({ subject: id, groups: ["macs"], isUntrusted: true, nodeId: null });
    expect([...bearer(token).scopes]).toEqual(["none", "send"]);
  });

  test("is refused for a group that is not there, and for a name that another has, in any case", async () => {
    await expect(make({ groups: ["nobody"] })).rejects.toMatchObject({ code: "GROUP_NOT_FOUND" });
    await make();
    await expect(make({ name: "CI" })).rejects.toMatchObject({ code: "NAME_TAKEN" });
    const both = await Promise.allSettled([make({ name: "twin" }), make({ name: "Twin" })]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    await tokens.revoke("ci", adminPrincipal);
    expect((await make({ name: "CI" })).name).toBe("CI");
  });

  test("is void at once when it is revoked, and says so to whoever has it", async () => {
    const { token } = await make();
    const { revoked } = bearer(token);
    await tokens.revoke("CI", adminPrincipal);
    expect(revoked.aborted).toBeTrue();
    expect(revoked.reason).toMatchObject({ code: "TOKEN_INVALID" });
    expect(ended).toBe(1);
    expect(codeOf(() => bearer(token))).toBe("TOKEN_INVALID");
    await expect(tokens.revoke("ci", adminPrincipal)).rejects.toMatchObject({ code: "TOKEN_NOT_FOUND" });
    await expect(tokens.rotate("ci", adminPrincipal)).rejects.toMatchObject({ code: "TOKEN_NOT_FOUND" });
  });

  test("keeps id, scopes and limits when it is rotated, and its old text is void at once", async () => {
    const before = await make({ rate_per_minute: 2 });
    const { revoked } = bearer(before.token);
    const after = await tokens.rotate(before.id, adminPrincipal);
    expect(after).toMatchObject({ id: before.id, scopes: ["send"], rate_per_minute: 2 });
    expect(after.token).not.toBe(before.token);
    expect(revoked.aborted).toBeTrue();
    expect(codeOf(() => bearer(before.token))).toBe("TOKEN_INVALID");
    expect(bearer(after.token).subject).toBe(before.id);
    // A new text is no new minute.
    expect(codeOf(() => bearer(after.token))).toBe("RATE_LIMITED");
  });

  test("that is revoked while others of its changes wait makes none of them", async () => {
    const { token } = await make({ name: "root", scopes: ["admin"] });
    const by = bearer(token);
    const ending = tokens.revoke("root", adminPrincipal);
    const changes = [
      tokens.create({ name: "late", scopes: ["admin"] } as TokenInput, by),
      tokens.rotate("root", by),
      tokens.revoke("root", by),
    ];
    await ending;
    for (const change of await Promise.allSettled(changes)) {
      expect(change).toMatchObject({ status: "rejected", reason: { code: "TOKEN_INVALID" } });
    }
    expect(tokens.list().map(({ name }) => name)).toEqual(["root"]);
  });

  test("is as it was after a restart", async () => {
    const kept = await make({ name: "kept" });
    const gone = await make({ name: "gone" });
    await tokens.revoke("gone", adminPrincipal);
    await assemble();
    expect(bearer(kept.token).subject).toBe(kept.id);
    expect(codeOf(() => bearer(gone.token))).toBe("TOKEN_INVALID");
  });
});

describe("a token with an end", () => {
  test.each([
    ["ten seconds", 10],
    ["a day", 86_400],
    ["longer than any timer", 40 * 86_400],
  ])("after %s it is void to the moment, and what is open with it ends", async (_, ttl_s) => {
    const { token } = await make({ ttl_s });
    const { revoked } = bearer(token);
    clock.advance(ttl_s * 1000 - 1);
    expect([codeOf(() => bearer(token)), revoked.aborted]).toEqual(["passed", false]);
    clock.advance(1);
    expect(revoked.aborted).toBeTrue();
    expect(codeOf(() => bearer(token))).toBe("TOKEN_INVALID");
    expect(notes).toMatchObject([{ subject: "coordinator", action: "token.expire", result: "ok" }]);
  });

  test("expires within seconds also when the clock on the wall was set forward", async () => {
    const { token } = await make({ ttl_s: 3600 });
    const { revoked } = bearer(token);
    clock.skipWall(3_600_000);
    expect(codeOf(() => bearer(token))).toBe("TOKEN_INVALID");
    expect(revoked.aborted).toBeTrue();
    const other = await make({ name: "other", ttl_s: 3600 });
    const open = bearer(other.token).revoked;
    clock.skipWall(3_600_000);
    clock.advance(5_000);
    expect(open.aborted).toBeTrue();
  });

  test("is listed for thirty days and then gone", async () => {
    await make({ ttl_s: 10 });
    clock.advance(10_000 + keepEndedMs - 3_600_000);
    await Bun.sleep(0);
    expect(tokens.list()).toHaveLength(1);
    clock.advance(3 * 3_600_000);
    await Bun.sleep(0);
    await Bun.sleep(0);
    expect(tokens.list()).toHaveLength(0);
    expect(store.records.size).toBe(0);
  });
});

describe("the last use of a token", () => {
  test("is told to the minute, from where, and stored together with others later", async () => {
    const { id, token } = await make();
    bearer(token, away);
    const [shown] = tokens.list();
    expect(shown?.last_used_from).toBe(away);
    expect(shown?.last_used_at).toMatch(/:00(\.000)?Z$/);
    expect(store.records.get(id)?.lastUsedAtMs).toBeNull();
    clock.advance(10_000);
    expect(store.records.get(id)?.lastUsedFrom).toBe(away);
  });

  test("is written down at a stop, and not lost by a rotation", async () => {
    const { id, token } = await make();
    bearer(token, away);
    await tokens.rotate(id, adminPrincipal);
    expect(tokens.list()[0]?.last_used_from).toBe(away);
    await tokens.stop();
    expect(store.records.get(id)?.lastUsedFrom).toBe(away);
  });
});

describe("the header", () => {
  test.each([
    "Bearer",
    "Bearer ",
    `Basic ${admin}`,
    admin,
    `Bearer ${admin}, Bearer ${admin}`,
    `Bearer ${admin} ${admin}`,
    `Bearer x, Bearer ${admin}`,
    `Bearer ${admin}\u00e9`,
    "",
  ])("%j shows no token", (authorization) => {
    const call = () => authenticator.authenticate({ authorization, cookie: null, address: () => home });
    expect(codeOf(call)).toBe("TOKEN_INVALID");
  });

  test("wins over a cookie, also when it is wrong", () => {
    const { cookie } = sessions.open(authenticator.identify(admin, home));
    const both = { cookie, address: () => home };
    expect(codeOf(() => authenticator.authenticate({ ...both, authorization: "Bearer wrong" }))).toBe(
      "TOKEN_INVALID",
    );
    const principal = authenticator.authenticate({ ...both, authorization: `Bearer ${nodeToken}` });
    expect([principal.subject, principal.isCookie]).toEqual([nodeId, false]);
  });
});

describe("guessing", () => {
  test("is locked out by address before the guess is looked at, for longer and longer", () => {
    guess(maxFailures, away);
    expect(codeOf(() => bearer("another", away))).toBe("TOO_MANY_TRIES");
    // Even the right one: the answer would tell.
    expect(codeOf(() => bearer(admin, away))).toBe("TOO_MANY_TRIES");
    clock.advance(firstLockMs);
    expect(codeOf(() => bearer("another", away))).toBe("TOKEN_INVALID");
    clock.advance(firstLockMs);
    expect(codeOf(() => bearer("another", away))).toBe("TOO_MANY_TRIES");
    clock.advance(firstLockMs);
    expect(bearer(admin, away).subject).toBe("admin");
  });

  test("tells how long to wait", () => {
    guess(maxFailures, away);
    expect(() => bearer("another", away)).toThrow(
      expect.objectContaining({ code: "TOO_MANY_TRIES", details: { retry_after_s: 1 } }),
    );
  });

  test("does not lock out who was in from that address before, nor any other address", async () => {
    const { token } = await make();
    for (const good of [admin, token, nodeToken]) bearer(good, away);
    guess(maxFailures, away);
    for (const good of [admin, token, nodeToken]) expect(codeOf(() => bearer(good, away))).toBe("passed");
    const { token: unknownThere } = await make({ name: "new" });
    expect(codeOf(() => bearer(unknownThere, away))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer(unknownThere, home))).toBe("passed");
  });

  test("of one token's end from many addresses is locked out by its beginning", async () => {
    const { token } = await make();
    for (let at = 0; at < maxFailures; at += 1) {
      codeOf(() => bearer(`${token.slice(0, 12)}${String(at).padStart(32, "0")}`, `203.0.113.${at}`));
    }
    expect(codeOf(() => bearer(`${token.slice(0, 12)}${"f".repeat(32)}`, "203.0.113.200"))).toBe(
      "TOO_MANY_TRIES",
    );
    expect(codeOf(() => bearer(admin, "203.0.113.201"))).toBe("passed");
  });

  test("of one token's end does not lock out its owner, who was in before, from wherever he comes", async () => {
    const { token } = await make();
    bearer(token, home);
    for (let at = 0; at < maxFailures; at += 1) {
      codeOf(() => bearer(`${token.slice(0, 12)}${String(at).padStart(32, "0")}`, `203.0.113.${at}`));
    }
    expect(codeOf(() => bearer(token, "203.0.113.201"))).toBe("passed");
  });

  test("from one IPv6 network is one guesser", () => {
    for (let at = 0; at < maxFailures; at += 1) {
      codeOf(() => bearer(`guess-${at}-xxxxxxxxxxxx`, `2001:db8:1:2::${at}`));
    }
    expect(codeOf(() => bearer("another", "2001:db8:1:2:ffff::1"))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer("another", "2001:db8:1:3::1"))).toBe("TOKEN_INVALID");
  });

  test("at the login counts like any other", () => {
    for (let at = 0; at < maxFailures; at += 1)
      codeOf(() => authenticator.identify(`guess-${at}-xxxxxxxxxxx`, away));
    expect(codeOf(() => authenticator.identify("another", away))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer("another", away))).toBe("TOO_MANY_TRIES");
  });

  test("is not what the agent of a removed node does", () => {
    guess(50, away, () => removedToken);
    expect(codeOf(() => bearer(removedToken, away))).toBe("TOKEN_INVALID");
    expect(codeOf(() => bearer(admin, away))).toBe("passed");
  });

  test("is not what somebody does whose token was revoked or has expired", async () => {
    const { token } = await make();
    const short = await make({ name: "short", ttl_s: 10 });
    await tokens.revoke("ci", adminPrincipal);
    clock.advance(10_000);
    guess(50, away, () => token);
    guess(50, away, () => short.token);
    expect(codeOf(() => bearer(admin, away))).toBe("passed");
  });

  test("is told to the audit when a lock begins, without a part of a secret, and not without end", () => {
    guess(maxFailures, away, () => admin.toUpperCase());
    expect(notes).toMatchObject([
      { action: "lockout.address", address: away, target: away, result: "TOO_MANY_TRIES" },
      { action: "lockout.prefix", address: away, target: null, result: "TOO_MANY_TRIES" },
    ]);
    guess(100, away);
    expect(notes).toHaveLength(2);
    for (let from = 0; from < 100; from += 1) {
      guess(maxFailures, `203.0.113.${from}`, (at) => `${from}-${at}-${"x".repeat(20)}`);
    }
    expect(notes).toHaveLength(maxNotesPerMinute);
  });
});

describe("a login", () => {
  const asBrowser = (cookie: string) =>
    authenticator.authenticate({ authorization: null, cookie, address: () => home });
  const logIn = (token: string) =>
    sessions.open(authenticator.identify(token, home)).cookie.split(";")[0] ?? "";

  test("may do what its token may, and is known as a cookie", async () => {
    const { id, token } = await make({ scopes: ["read"], groups: ["macs"], untrusted: true });
    const principal = asBrowser(logIn(token));
    expect(principal).toMatchObject({ subject: id, isCookie: true, groups: ["macs"], isUntrusted: true });
    expect(principal.scopes).toEqual(bearer(token).scopes);
  });

  test("ends after twelve hours, and with its token if that is sooner", async () => {
    const { token } = await make({ ttl_s: 60 });
    const [short, long] = [logIn(token), logIn(admin)];
    const streams = [asBrowser(short).revoked, asBrowser(long).revoked];
    clock.advance(60_000);
    expect([codeOf(() => asBrowser(short)), codeOf(() => asBrowser(long))]).toEqual([
      "TOKEN_INVALID",
      "passed",
    ]);
    clock.advance(sessionMs - 60_000);
    expect(codeOf(() => asBrowser(long))).toBe("TOKEN_INVALID");
    expect(streams.every(({ aborted }) => aborted)).toBeTrue();
  });

  test("ends when its token is revoked or rotated, and when it logs out", async () => {
    await make({ name: "a" });
    const b = await make({ name: "b" });
    const a = await tokens.rotate("a", adminPrincipal);
    const [first, second, third] = [logIn(a.token), logIn(b.token), logIn(admin)];
    await tokens.rotate("a", adminPrincipal);
    await tokens.revoke("b", adminPrincipal);
    sessions.close(third);
    for (const cookie of [first, second, third])
      expect(codeOf(() => asBrowser(cookie))).toBe("TOKEN_INVALID");
  });

  test("is not to be had with the token of a node, or an invite", () => {
    expect(codeOf(() => authenticator.identify(nodeToken, home))).toBe("TOKEN_INVALID");
    expect(codeOf(() => authenticator.identify(`cmi_${"0".repeat(32)}`, home))).toBe("TOKEN_INVALID");
  });

  test("of one token too many ends its oldest, and nobody else's", async () => {
    const { token } = await make();
    const [others, oldest] = [logIn(admin), logIn(token)];
    for (let at = 0; at < maxSessionsPerToken; at += 1) logIn(token);
    expect([codeOf(() => asBrowser(oldest)), codeOf(() => asBrowser(others))]).toEqual([
      "TOKEN_INVALID",
      "passed",
    ]);
  });

  test("uses up the calls of its token", async () => {
    const { token } = await make({ rate_per_minute: 2 });
    const cookie = logIn(token);
    expect(codeOf(() => asBrowser(cookie))).toBe("passed");
    expect(codeOf(() => asBrowser(cookie))).toBe("RATE_LIMITED");
    expect(codeOf(() => bearer(token))).toBe("RATE_LIMITED");
  });
});
