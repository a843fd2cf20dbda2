import { beforeEach, describe, expect, test } from "bun:test";
import {
  type AuthRig,
  chosenAdmin as admin,
  away,
  codeOf,
  createAuthRig,
  home,
  nodeId,
  nodeToken,
} from "../../../test/support/auth-rig.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { TokenInput } from "../../protocol/access.ts";
import { adminPrincipal } from "./principal.ts";
import { maxSessionsPerToken, sessionMs } from "./sessions.ts";
import { keepEndedMs } from "./tokens.ts";

let rig: AuthRig;
let { clock, store, notes, tokens, sessions, authenticator, bearer, make } = {} as AuthRig;

async function assemble(before?: AuthRig): Promise<void> {
  rig = await createAuthRig(before);
  ({ clock, store, notes, tokens, sessions, authenticator, bearer, make } = rig);
}

beforeEach(() => assemble());

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
    expect(rig.ended()).toBe(1);
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
    await assemble(rig);
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

  test("is good again when the clock on the wall was ahead and is right again", async () => {
    const { id, token } = await make({ ttl_s: 86_400 });
    const { revoked } = bearer(token);
    clock.skipWall(2 * 86_400_000);
    clock.advance(5_000);
    expect([codeOf(() => bearer(token)), revoked.aborted]).toEqual(["TOKEN_INVALID", true]);
    clock.skipWall(-2 * 86_400_000);
    expect(bearer(token)).toMatchObject({ subject: id, revoked: { aborted: false } });
    clock.advance(86_400_000);
    expect(codeOf(() => bearer(token))).toBe("TOKEN_INVALID");
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
  test("asks for the address once a minute, not at every call", async () => {
    const { token } = await make();
    let asked = 0;
    const address = () => {
      asked += 1;
      return away;
    };
    const call = () =>
      authenticator.authenticate({ authorization: `Bearer ${token}`, cookie: null, address });
    for (let at = 0; at < 10; at += 1) call();
    expect(asked).toBe(1);
    clock.advance(60_000);
    call();
    expect(asked).toBe(2);
  });

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
    const { cookie } = sessions.open(
      authenticator.identify(admin, () => home),
      false,
    );
    const both = { cookie, address: () => home };
    expect(codeOf(() => authenticator.authenticate({ ...both, authorization: "Bearer wrong" }))).toBe(
      "TOKEN_INVALID",
    );
    const principal = authenticator.authenticate({ ...both, authorization: `Bearer ${nodeToken}` });
    expect([principal.subject, principal.isCookie]).toEqual([nodeId, false]);
  });
});

describe("a login that was bound to its page", () => {
  test("opens with the key of the page only, and ends with it only", () => {
    const owner = authenticator.identify(admin, () => home);
    const { cookie, pageKey } = sessions.open(owner, false, true);
    const [pair = ""] = cookie.split(";");
    const key = pageKey?.reveal() ?? "";
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    const withKey = (shown: string | null) =>
      codeOf(() =>
        authenticator.authenticate({
          authorization: null,
          cookie: pair,
          pageKey: shown,
          address: () => home,
        }),
      );
    for (const wrong of [null, "", key.slice(1), key.toUpperCase(), "0".repeat(32), pair])
      expect(withKey(wrong)).toBe("TOKEN_INVALID");
    expect(withKey(key)).toBe("passed");
    expect(sessions.close(pair).session).toBeNull();
    expect(sessions.close(pair, "0".repeat(32)).session).toBeNull();
    expect(withKey(key)).toBe("passed");
    expect(sessions.close(pair, key).session?.principal.subject).toBe("admin");
    expect(withKey(key)).toBe("TOKEN_INVALID");
  });

  test("is not exchanged for one that another put there: with a key a login without one opens nothing", () => {
    const owner = authenticator.identify(admin, () => home);
    const bound = sessions.open(owner, false, true);
    const planted = sessions.open(owner, false);
    const key = bound.pageKey?.reveal() ?? "";
    const [own = "", foreign = ""] = [bound, planted].map(({ cookie }) => cookie.split(";")[0]);
    const call = (cookie: string, pageKey: string | null) =>
      codeOf(() => authenticator.authenticate({ authorization: null, cookie, pageKey, address: () => home }));
    for (const shown of [key, "", "0".repeat(32)]) {
      expect(call(foreign, shown)).toBe("TOKEN_INVALID");
      expect(sessions.close(foreign, shown).session).toBeNull();
    }
    expect(call(foreign, null)).toBe("passed");
    // Under the other name of the cookie it does not even come first.
    const both = `__Host-${foreign}; ${own}`;
    expect(sessions.find(both, key)?.principal).toBe(bound.session.principal);
    expect(sessions.find(both)?.principal).toBe(planted.session.principal);
    expect(sessions.close(both, key).session?.principal).toBe(bound.session.principal);
    expect(call(both, key)).toBe("TOKEN_INVALID");
  });

  test("has a key of its own: that of another opens nothing", () => {
    const owner = authenticator.identify(admin, () => home);
    const first = sessions.open(owner, false, true);
    const second = sessions.open(owner, false, true);
    const [pair = ""] = first.cookie.split(";");
    const pageKey = second.pageKey?.reveal() ?? "";
    expect(
      codeOf(() =>
        authenticator.authenticate({ authorization: null, cookie: pair, pageKey, address: () => home }),
      ),
    ).toBe("TOKEN_INVALID");
  });
});

describe("a header of another scheme, as a proxy with a login of its own passes it on,", () => {
  const basic = { authorization: "Basic dXNlcjpzZWNyZXQ=", address: () => home };

  test("leaves a browser its login", () => {
    const { cookie } = sessions.open(
      authenticator.identify(admin, () => home),
      false,
    );
    expect(authenticator.authenticate({ ...basic, cookie })).toMatchObject({
      subject: "admin",
      isCookie: true,
    });
  });

  test("shows no token where there is no login", () => {
    for (const cookie of [null, "", "other=1", `claw_mesh_session=${"0".repeat(64)}`]) {
      expect(codeOf(() => authenticator.authenticate({ ...basic, cookie }))).toBe("TOKEN_INVALID");
    }
  });
});

describe("a login", () => {
  const asBrowser = (cookie: string) =>
    authenticator.authenticate({ authorization: null, cookie, address: () => home });
  const logIn = (token: string) =>
    sessions
      .open(
        authenticator.identify(token, () => home),
        false,
      )
      .cookie.split(";")[0] ?? "";

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
    expect(codeOf(() => authenticator.identify(nodeToken, () => home))).toBe("TOKEN_INVALID");
    expect(codeOf(() => authenticator.identify(`cmi_${"0".repeat(32)}`, () => home))).toBe("TOKEN_INVALID");
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

  test("that came over TLS, if only to a proxy, has a cookie that never leaves TLS", () => {
    const { cookie } = sessions.open(
      authenticator.identify(admin, () => home),
      true,
    );
    expect(cookie).toMatch(/^__Host-claw_mesh_session=[0-9a-f]{64}; .*; Secure$/);
    const [pair = ""] = cookie.split(";");
    expect(asBrowser(pair).subject).toBe("admin");
    // One that is over does not hide the other.
    expect(asBrowser(`__Host-claw_mesh_session=0; ${logIn(admin)}`).subject).toBe("admin");
    const closed = sessions.close(pair);
    expect(closed.session?.principal.subject).toBe("admin");
    expect(closed.cookie).toMatch(/^__Host-claw_mesh_session=; Max-Age=0; .*; Secure$/);
    expect(codeOf(() => asBrowser(pair))).toBe("TOKEN_INVALID");
  });

  test("that ends by time, or by a newer one, is told to the audit, and not without end", async () => {
    const { id, token } = await make();
    logIn(token);
    clock.advance(sessionMs);
    for (let at = 0; at <= maxSessionsPerToken; at += 1) logIn(token);
    const ended = { subject: "coordinator", address: null, action: "session.end", target: id, result: "ok" };
    expect(notes).toEqual([
      { ...ended, details: { reason: "time" } },
      { ...ended, details: { reason: "newer login" } },
    ]);
    for (let at = 0; at < 100; at += 1) logIn(token);
    expect(notes.length).toBeLessThanOrEqual(32);
  });

  test("uses up the calls of its token", async () => {
    const { token } = await make({ rate_per_minute: 2 });
    const cookie = logIn(token);
    expect(codeOf(() => asBrowser(cookie))).toBe("passed");
    expect(codeOf(() => asBrowser(cookie))).toBe("RATE_LIMITED");
    expect(codeOf(() => bearer(token))).toBe("RATE_LIMITED");
  });
});
