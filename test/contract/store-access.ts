import { describe, expect, test } from "bun:test";
import { systemIds } from "../../src/platform/ids.ts";
import { type InviteRecord, keepExpiredMs, repeatLimitMs } from "../../src/store/invites.ts";
import { maxFormerTexts, type TokenRecord } from "../../src/store/tokens.ts";
import { sampleTimeMs } from "../support/store/sample-tasks.ts";
import type { StoreUnderTest } from "./store.ts";

let made = 0;
const nextHash = () => (made++).toString(16).padStart(64, "0");

function createSampleToken(name: string, parts: Partial<TokenRecord> = {}): TokenRecord {
  return {
    id: systemIds.token(),
    name,
    tokenHash: nextHash(),
    shown: "cmt_abcdefgh",
    scopes: ["read", "send"],
    groups: ["Mac-nodes", "家"],
    ratePerMinute: 60,
    isUntrusted: true,
    createdAtMs: sampleTimeMs,
    createdBy: "admin",
    rotatedAtMs: sampleTimeMs + 1,
    expiresAtMs: sampleTimeMs + 2,
    lastUsedAtMs: sampleTimeMs + 3,
    lastUsedFrom: "10.0.0.7",
    revokedAtMs: null,
    ...parts,
  };
}

const unlimited = {
  groups: null,
  ratePerMinute: null,
  isUntrusted: false,
  rotatedAtMs: null,
  expiresAtMs: null,
  lastUsedAtMs: null,
  lastUsedFrom: null,
} as const;

/** Tokens and invites. */
export function describeAccess(subject: StoreUnderTest): void {
  describe("tokens", () => {
    const tokens = () => subject.store().tokens;

    test("are kept with every field, oldest first, after a restart too", async () => {
      const first = createSampleToken("ci");
      const second = createSampleToken("phone", { ...unlimited, createdAtMs: sampleTimeMs + 9 });
      await Promise.all([tokens().save(second), tokens().save(first)]);
      expect(await tokens().list()).toEqual([first, second]);
      await subject.reopen();
      expect(await tokens().list()).toEqual([first, second]);
    });

    test("are replaced by id, in full", async () => {
      const token = createSampleToken("ci");
      await tokens().save(token);
      const rotated = {
        ...token,
        ...unlimited,
        name: "CI",
        tokenHash: nextHash(),
        scopes: ["admin"] as const,
      };
      await tokens().save(rotated);
      expect(await tokens().list()).toEqual([rotated]);
    });

    test("keep the texts that they had, oldest first, for as long as they are told to", async () => {
      const first = createSampleToken("ci", { ...unlimited, rotatedAtMs: null });
      await tokens().save(first);
      const second = { ...first, tokenHash: nextHash(), rotatedAtMs: sampleTimeMs + 1 };
      const third = { ...first, tokenHash: nextHash(), rotatedAtMs: sampleTimeMs + 2 };
      await tokens().rotate(second, first.tokenHash);
      await tokens().rotate(third, second.tokenHash);
      await subject.reopen();
      expect(await tokens().list()).toEqual([third]);
      expect(await tokens().formerTexts()).toEqual([
        { tokenHash: first.tokenHash, rotatedAtMs: sampleTimeMs + 1 },
        { tokenHash: second.tokenHash, rotatedAtMs: sampleTimeMs + 2 },
      ]);
      await tokens().deleteEnded(sampleTimeMs + 2);
      expect((await tokens().formerTexts()).map(({ tokenHash }) => tokenHash)).toEqual([second.tokenHash]);
    });

    test("keep only so many texts that they had, the newest", async () => {
      let token = createSampleToken("ci", unlimited);
      await tokens().save(token);
      const rotations: Promise<void>[] = [];
      for (let at = 0; at <= maxFormerTexts; at += 1) {
        const { tokenHash: formerHash } = token;
        token = { ...token, tokenHash: nextHash(), rotatedAtMs: sampleTimeMs + at };
        rotations.push(tokens().rotate(token, formerHash));
      }
      await Promise.all(rotations);
      const former = await tokens().formerTexts();
      expect(former).toHaveLength(maxFormerTexts);
      expect(former[0]?.rotatedAtMs).toBe(sampleTimeMs + 1);
    });

    for (const [taken, wanted] of [
      ["phone", "phone"],
      ["phone", "PHONE"],
      ["Élan", "élan"],
    ] as const) {
      test(`of two that want the names ${taken} and ${wanted} at once, one gets it`, async () => {
        const first = createSampleToken(taken);
        const settled = await Promise.allSettled([
          tokens().save(first),
          tokens().save(createSampleToken(wanted)),
        ]);
        expect(settled).toMatchObject([
          { status: "fulfilled" },
          { status: "rejected", reason: { code: "NAME_TAKEN" } },
        ]);
        expect(await tokens().list()).toEqual([first]);
      });
    }

    test("give their name free when they are revoked, and do not get it back", async () => {
      const first = createSampleToken("phone");
      await tokens().save(first);
      await tokens().save({ ...first, revokedAtMs: sampleTimeMs });
      const second = createSampleToken("phone");
      await tokens().save(second);
      await expect(tokens().save(first)).rejects.toMatchObject({ code: "NAME_TAKEN" });
      await tokens().save({ ...first, revokedAtMs: sampleTimeMs + 7 });
      await tokens().save(createSampleToken("PHONE", { revokedAtMs: sampleTimeMs }));
      expect(await tokens().list()).toHaveLength(3);
    });

    test("of one secret there is one", async () => {
      const token = createSampleToken("phone");
      await tokens().save(token);
      await expect(tokens().save({ ...token, id: systemIds.token(), name: "other" })).rejects.toBeInstanceOf(
        Error,
      );
      expect(await tokens().list()).toEqual([token]);
    });

    test("learn when and from where they were used; others, and those that are gone, are left alone", async () => {
      const used = createSampleToken("used");
      const idle = createSampleToken("idle");
      await tokens().save(used);
      await tokens().save(idle);
      const use = { atMs: sampleTimeMs + 60_000, from: "fe80::1" };
      await tokens().saveUses([
        { id: used.id, ...use },
        { id: systemIds.token(), ...use },
      ]);
      await subject.reopen();
      const byName = new Map((await tokens().list()).map((token) => [token.name, token]));
      expect(byName.get("used")).toEqual({ ...used, lastUsedAtMs: use.atMs, lastUsedFrom: use.from });
      expect(byName.get("idle")).toEqual(idle);
      expect(byName.size).toBe(2);
    });

    test("are deleted some time after they were revoked or expired", async () => {
      const endless = { expiresAtMs: null };
      await tokens().save(createSampleToken("revoked long ago", { ...endless, revokedAtMs: 999 }));
      await tokens().save(createSampleToken("expired long ago", { expiresAtMs: 999 }));
      await tokens().save(createSampleToken("revoked", { ...endless, revokedAtMs: 1_000 }));
      await tokens().save(createSampleToken("expired", { expiresAtMs: 1_000 }));
      await tokens().save(createSampleToken("good", endless));
      await tokens().deleteEnded(1_000);
      expect((await tokens().list()).map((token) => token.name).sort()).toEqual([
        "expired",
        "good",
        "revoked",
      ]);
    });
  });

  describe("invites", () => {
    const invites = () => subject.store().invites;
    const createInvite = (parts: Partial<InviteRecord> = {}): InviteRecord => ({
      id: systemIds.invite(),
      codeHash: nextHash(),
      createdAtMs: 1_000,
      createdBy: "admin",
      expiresAtMs: 2_000,
      uses: 1,
      name: null,
      tags: [],
      groups: [],
      ...parts,
    });
    const use = (instance = systemIds.instance()) => ({ instance, nodeId: systemIds.node() });
    const redeem = ({ codeHash }: InviteRecord, who = use(), nowMs = 1_500) =>
      invites().redeem(codeHash, who, nowMs);

    test("are kept with all that they grant, newest first, after a restart too", async () => {
      const plain = createInvite();
      const rich = createInvite({
        createdAtMs: 1_001,
        createdBy: "token_a",
        uses: 3,
        name: "mac-mini",
        tags: ["home", "家"],
        groups: ["Mac-nodes"],
      });
      await invites().add(plain);
      await invites().add(rich);
      await subject.reopen();
      expect(await invites().list(1_999)).toEqual([
        { ...rich, usesLeft: 3 },
        { ...plain, usesLeft: 1 },
      ]);
      expect(await invites().find(rich.codeHash, 1_999, null)).toEqual({
        ...rich,
        usesLeft: 3,
        nodeId: null,
      });
    });

    test("are good until they expire", async () => {
      const invite = createInvite();
      await invites().add(invite);
      expect(await invites().find(invite.codeHash, 1_999, null)).not.toBeNull();
      expect(await invites().find(invite.codeHash, 2_000, null)).toBeNull();
      expect(await invites().list(2_000)).toEqual([]);
      expect(await redeem(invite, use(), 2_000)).toBeNull();
    });

    test("are found and redeemed only when they exist", async () => {
      expect(await invites().find("00".repeat(32), 1_500, systemIds.instance())).toBeNull();
      expect(await redeem(createInvite())).toBeNull();
    });

    test("serve one node agent, as often as it asks, for one node, until they expire", async () => {
      const [first, second] = [use(), use()];
      const { nodeId } = first;
      const invite = createInvite();
      await invites().add(invite);
      expect(await Promise.all([redeem(invite, first), redeem(invite, second)])).toEqual([
        { invite, nodeId, isNewUse: true },
        null,
      ]);
      await subject.reopen();
      expect(await redeem(invite, second)).toBeNull();
      expect(await redeem(invite, use(first.instance), 1_999)).toEqual({ invite, nodeId, isNewUse: false });
      expect(await redeem(invite, first, 2_000)).toBeNull();
      expect(await invites().find(invite.codeHash, 1_999, null)).toBeNull();
      expect(await invites().find(invite.codeHash, 1_999, second.instance)).toBeNull();
      expect(await invites().find(invite.codeHash, 1_999, first.instance)).toEqual({
        ...invite,
        usesLeft: 0,
        nodeId,
      });
      expect(await invites().list(1_500)).toEqual([]);
    });

    test.each([1, 3])("of %i uses serve the same agent again for a minute only", async (uses) => {
      const who = use();
      const { nodeId } = who;
      const invite = createInvite({ uses, expiresAtMs: 9e12 });
      await invites().add(invite);
      await redeem(invite, who);
      const lastMs = 1_500 + repeatLimitMs - 1;
      expect(await redeem(invite, who, lastMs)).toEqual({ invite, nodeId, isNewUse: false });
      expect(await redeem(invite, who, lastMs + 1)).toBeNull();
      expect(await invites().find(invite.codeHash, lastMs + 1, who.instance)).toBeNull();
      // Nor by a clock that was set back.
      expect(await redeem(invite, who, 1_500 - repeatLimitMs)).toBeNull();
    });

    test.each([1, 3])(
      "of %i uses serve no agent again whose node has come with its own token",
      async (uses) => {
        const [who, other] = [use(), use()];
        const invite = createInvite({ uses });
        await invites().add(invite);
        await redeem(invite, who);
        await redeem(invite, other);
        await invites().endUse(who.nodeId);
        await invites().endUse(systemIds.node());
        await subject.reopen();
        expect(await redeem(invite, who)).toBeNull();
        expect(await invites().find(invite.codeHash, 1_500, who.instance)).toBeNull();
        expect((await redeem(invite, other))?.isNewUse ?? null).toBe(uses > 1 ? false : null);
        expect(await invites().list(1_500)).toHaveLength(uses > 2 ? 1 : 0);
      },
    );

    test("of several uses serve as many agents, however many come at once", async () => {
      const invite = createInvite({ uses: 3 });
      await invites().add(invite);
      const instances = Array.from({ length: 20 }, () => use());
      const answers = await Promise.all(instances.map((instance) => redeem(invite, instance)));
      expect(answers.map((answer) => answer !== null)).toEqual(instances.map((_, index) => index < 3));
      const again = await Promise.all(instances.map((instance) => redeem(invite, instance)));
      expect(again.map((answer) => answer !== null)).toEqual(instances.map((_, index) => index < 3));
    });

    test("count the same agent once", async () => {
      const invite = createInvite({ uses: 2 });
      await invites().add(invite);
      const instance = use();
      await Promise.all([redeem(invite, instance), redeem(invite, instance), redeem(invite, instance)]);
      expect(await invites().list(1_500)).toEqual([{ ...invite, usesLeft: 1 }]);
    });

    test("are removed, once, with their uses: nobody joins with them again", async () => {
      const invite = createInvite({ uses: 2 });
      const instance = use();
      await invites().add(invite);
      await redeem(invite, instance);
      expect(await invites().remove(invite.id)).toBe(invite.codeHash);
      expect(await invites().remove(invite.id)).toBeNull();
      expect(await invites().isKnown(invite.codeHash)).toBeFalse();
      expect(await redeem(invite, instance)).toBeNull();
      // Whoever gets the same id again begins with none.
      await invites().add(invite);
      expect(await invites().list(1_500)).toEqual([{ ...invite, usesLeft: 2 }]);
    });

    test("are known, used up or expired, until thirty days after their end; one that never was is not", async () => {
      const invite = createInvite();
      await invites().add(invite);
      await redeem(invite);
      await invites().add(createInvite({ createdAtMs: 2_000 + keepExpiredMs - 1, expiresAtMs: 9e12 }));
      await subject.reopen();
      expect(await invites().isKnown(invite.codeHash)).toBeTrue();
      expect(await invites().isKnown(nextHash())).toBeFalse();
    });

    test("go with their uses when they have expired long ago and another is made", async () => {
      const laterMs = 2_000 + keepExpiredMs;
      const invite = createInvite();
      await invites().add(invite);
      await redeem(invite);
      await invites().add(createInvite({ createdAtMs: laterMs, expiresAtMs: laterMs + 9_000 }));
      expect(await invites().isKnown(invite.codeHash)).toBeFalse();
      expect(await invites().remove(invite.id)).toBeNull();
      await invites().add({ ...invite, createdAtMs: laterMs, expiresAtMs: laterMs + 9_000 });
      expect(await invites().find(invite.codeHash, laterMs, null)).toMatchObject({ usesLeft: 1 });
    });
  });
}
