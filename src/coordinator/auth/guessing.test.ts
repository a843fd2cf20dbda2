import { beforeEach, describe, expect, test } from "bun:test";
import {
  type AuthRig,
  away,
  chosenAdmin,
  codeOf,
  createAuthRig,
  generatedAdmin,
  home,
  nodeToken,
  removedToken,
} from "../../../test/support/auth-rig.ts";
import { maxNotesPerMinute } from "./guess-guard.ts";
import { firstLockMs, maxFailures } from "./guess-lockout.ts";
import { adminPrincipal } from "./principal.ts";
import { keepEndedMs } from "./tokens.ts";

const admin = chosenAdmin;
let rig: AuthRig;
let { clock, notes, tokens, authenticator, bearer, make, guess } = {} as AuthRig;

async function assemble(parts: Parameters<typeof createAuthRig>[0] = {}): Promise<void> {
  rig = await createAuthRig(parts);
  ({ clock, notes, tokens, authenticator, bearer, make, guess } = rig);
}

beforeEach(() => assemble());

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

  test("of an admin token that a person chose locks it out too, also where it was in before, but not elsewhere", () => {
    bearer(admin, away);
    guess(maxFailures, away);
    // Whoever guesses may sit behind the owner's address: 200 for the right one would tell him.
    expect(codeOf(() => bearer(admin, away))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => authenticator.identify(admin, () => away))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer(admin, home))).toBe("passed");
    clock.advance(firstLockMs);
    expect(codeOf(() => bearer(admin, away))).toBe("passed");
  });

  test("tells nothing of a chosen admin token while it is locked, wherever its owner was in", () => {
    bearer(admin, away);
    guess(maxFailures, away);
    const answers = new Set<string>();
    for (const word of ["summer-of-2026-mesh", admin, "winter-of-2026-mesh"])
      answers.add(codeOf(() => bearer(word, away)));
    expect([...answers]).toEqual(["TOO_MANY_TRIES"]);
  });

  test("by a name that a stranger points here locks out only whoever calls by such a name", () => {
    const byName = (token: string, isByOtherName: boolean) =>
      codeOf(() =>
        authenticator.authenticate({
          authorization: `Bearer ${token}`,
          cookie: null,
          address: () => "127.0.0.1",
          isByOtherName: () => isByOtherName,
        }),
      );
    for (let at = 0; at < maxFailures; at += 1) byName(`guess-${at}-xxxxxxxxxxxx`, true);
    expect(byName("another", true)).toBe("TOO_MANY_TRIES");
    expect(byName("another", false)).toBe("TOKEN_INVALID");
    expect(byName(admin, false)).toBe("passed");
  });

  test("does not pass where the admin token has been in before", () => {
    bearer(admin, away);
    guess(maxFailures, away);
    expect(codeOf(() => bearer("another", away))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer(`cmi_${"0".repeat(32)}`, away))).toBe("TOO_MANY_TRIES");
  });

  test("holds invites back, which are redeemed later", () => {
    guess(maxFailures, away);
    expect(codeOf(() => bearer(`cmi_${"0".repeat(32)}`, away))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer(`cmi_${"0".repeat(32)}`, home))).toBe("passed");
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

  test("of a chosen admin token's end keeps it out from wherever it comes, also when it was in before", () => {
    bearer(admin, home);
    for (let at = 0; at < maxFailures; at += 1) {
      codeOf(() => bearer(`${admin.slice(0, 12)}${at}`, `203.0.113.${at}`));
    }
    expect(codeOf(() => bearer(admin, home))).toBe("TOO_MANY_TRIES");
    clock.advance(firstLockMs);
    expect(codeOf(() => bearer(admin, home))).toBe("passed");
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
      codeOf(() => authenticator.identify(`guess-${at}-xxxxxxxxxxx`, () => away));
    expect(codeOf(() => authenticator.identify("another", () => away))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer("another", away))).toBe("TOO_MANY_TRIES");
  });

  test("is what it is again thirty days after the rotation", async () => {
    const { id, token } = await make();
    await tokens.rotate(id, adminPrincipal);
    clock.advance(keepEndedMs - 3_600_000);
    await Bun.sleep(0);
    expect(() => bearer(token, away)).toThrow("given a new text");
    clock.advance(3 * 3_600_000);
    await Bun.sleep(0);
    await Bun.sleep(0);
    expect(() => bearer(token, away)).toThrow("opens nothing");
    expect(rig.store.former).toEqual([]);
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

describe("what others do who guess, or have what was good once,", () => {
  test("locks out no token that nobody can guess, also one that was never seen there before", async () => {
    const { token } = await make();
    await assemble({ ...rig, admin: generatedAdmin });
    guess(maxFailures, away);
    for (const good of [token, nodeToken, generatedAdmin]) {
      expect(codeOf(() => bearer(good, away))).toBe("passed");
    }
    expect(authenticator.identify(generatedAdmin, () => away).principal.subject).toBe("admin");
    expect(codeOf(() => authenticator.identify(token, () => away))).toBe("passed");
  });

  test("locks it out at no moment of an hour", async () => {
    const { token } = await make();
    await assemble({ ...rig, admin: generatedAdmin });
    const refused = new Set<string>();
    for (let second = 0; second < 3600; second += 1) {
      guess(1, away, () => `guess-${second}-${"x".repeat(20)}`);
      for (const good of [token, nodeToken, generatedAdmin]) refused.add(codeOf(() => bearer(good, away)));
      clock.advance(1_000);
    }
    expect([...refused]).toEqual(["passed"]);
  });

  test("on this machine locks its owner not out either, when the admin token is a generated one", async () => {
    await assemble({ ...rig, admin: generatedAdmin });
    guess(maxFailures, "127.0.0.1");
    expect(codeOf(() => bearer("another", "::1"))).toBe("TOO_MANY_TRIES");
    expect(codeOf(() => bearer(generatedAdmin, "127.0.0.1"))).toBe("passed");
  });

  test("with one token's beginning does not lock out its owner, from wherever he comes", async () => {
    const { token } = await make();
    for (let at = 0; at < maxFailures; at += 1) {
      codeOf(() => bearer(`${token.slice(0, 12)}${String(at).padStart(32, "0")}`, `203.0.113.${at}`));
    }
    expect(codeOf(() => bearer(token, "203.0.113.201"))).toBe("passed");
  });

  test("is no guess when it is the agent of a removed node", () => {
    guess(50, away, () => removedToken);
    expect(codeOf(() => bearer(removedToken, away))).toBe("TOKEN_INVALID");
    expect(codeOf(() => bearer(admin, away))).toBe("passed");
  });

  test("is no guess when its token was revoked or has expired", async () => {
    const { token } = await make();
    const short = await make({ name: "short", ttl_s: 10 });
    await tokens.revoke("ci", adminPrincipal);
    clock.advance(10_000);
    guess(50, away, () => token);
    guess(50, away, () => short.token);
    expect(codeOf(() => bearer(admin, away))).toBe("passed");
  });

  test("is no guess with the text from before a rotation, also after a restart", async () => {
    const { id, token } = await make();
    const { token: second } = await tokens.rotate(id, adminPrincipal);
    const { token: third } = await tokens.rotate(id, adminPrincipal);
    for (const parts of [rig, { ...rig }]) {
      await assemble(parts);
      guess(50, away, () => token);
      guess(50, away, () => second);
      expect(() => bearer(token, away)).toThrow("This token was given a new text.");
      expect(codeOf(() => bearer("another", away))).toBe("TOKEN_INVALID");
      expect(codeOf(() => bearer(third, away))).toBe("passed");
    }
  });

  test("is told what became of its token, also while the address is locked", async () => {
    const { token } = await make();
    await tokens.revoke("ci", adminPrincipal);
    guess(maxFailures, away);
    expect(() => bearer(token, away)).toThrow("This token was revoked.");
  });
});
