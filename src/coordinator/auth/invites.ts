import { type Clock, toIsoTime } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret, type Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { Invite, InviteInfo, InviteInput } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Instance, InviteId, NodeId } from "../../protocol/ids.ts";
import { invitePrefix } from "../../protocol/token-prefix.ts";
import { type InviteRecord, type InviteStore, type OpenInvite, repeatLimitMs } from "../../store/invites.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Groups } from "../routing/groups.ts";
import type { Caller, GuessGuard } from "./guess-guard.ts";
import { createNoteLimit } from "./note-limit.ts";
import { assertNotRevoked, type Principal } from "./principal.ts";

/** Lifetime of an invite when none is asked for. */
export const defaultInviteTtlS = 3600;

/** Invites that were redeemed, or revoked, by this process and are remembered; the oldest is forgotten first. */
export const maxRemembered = 1_000;

/** Entries of the audit about codes that are good for nothing. */
const maxNotesPerMinute = 30;

/** Who wants to join. */
export interface Joining {
  readonly principal: Principal;
  readonly name: string;
  readonly instance: Instance;
  readonly address: string;
  /**
   * Throws when the machine cannot have its name. Asked when the invite is known to be good for it, as only that one may
   * learn which names are taken, and before it is used up: it stays good for another one.
   * @param own the node that the machine has been given with this invite before, when the answer to that was lost; null: none
   */
  readonly assertNameFree: (own: NodeId | null) => void;
}

/** Who makes an invite: a caller, or the coordinator itself. */
export type InviteMaker = Pick<Principal, "subject" | "revoked">;

/** What an invite brings with it. */
export interface Grants extends Pick<InviteRecord, "id" | "tags" | "groups"> {
  /** The one node that it is good for: a new one gets this id. */
  readonly nodeId: NodeId;
}

/** Expiring rights to join. A code is shown once; only its hash is stored. */
export interface Invites {
  /** Throws GROUP_NOT_FOUND, GROUP_READ_ONLY or NAME_TAKEN. */
  readonly create: (input: InviteInput, by: InviteMaker) => Promise<Invite>;
  /** Those that are still good, newest first. */
  readonly list: () => Promise<readonly InviteInfo[]>;
  /** Throws INVITE_NOT_FOUND. */
  readonly revoke: (id: string) => Promise<void>;
  /**
   * Whether a machine may try to redeem it: it is good, or was used up a moment ago, by a machine that may not know so.
   * One that never was counts as a guess.
   */
  readonly isKnown: (codeHash: string, from: Caller) => Promise<boolean>;
  /**
   * Takes one use of the invite that the caller came with. @returns what it grants; null when he came with something else.
   * Throws INVITE_INVALID, or what `assertNameFree` throws.
   */
  readonly redeem: (joining: Joining) => Promise<Grants | null>;
  /** Gives a node that was let in what its invite grants. */
  readonly grant: (node: MeshNode, grants: Grants) => Promise<void>;
  /** A node has shown the token that it was answered with: its invite, if it had one, is used up for it, too. */
  readonly arrived: (node: MeshNode) => Promise<void>;
}

export interface InvitesOptions {
  readonly store: InviteStore;
  readonly registry: Pick<NodeRegistry, "assertNameFree" | "patch">;
  readonly groups: Pick<Groups, "list" | "addNode">;
  readonly guard: Pick<GuessGuard, "failedFrom">;
  readonly audit: Pick<AuditTrail, "note">;
  readonly clock: Clock;
  readonly ids: Pick<Ids, "invite" | "node">;
  readonly log: Pick<Log, "warn">;
  /** Addresses of this coordinator that another machine may be able to reach. */
  readonly urls: () => readonly string[];
  /** Pin of the key that the coordinator shows; null: it is not called over TLS. */
  readonly pin: () => string | null;
}

export function createInvites(options: InvitesOptions): Invites {
  const { store, registry, groups, clock } = options;
  /** When machines have joined with them, by the hash of their code, the newest last; monotonic. */
  const redeemed = new Map<string, number>();
  /** Hashes of the codes of those that were revoked, the newest last. */
  const revoked = new Set<string>();

  const mayNote = createNoteLimit(maxNotesPerMinute, clock);

  function assertGroups(names: readonly string[]): void {
    for (const name of names) {
      const group = groups.list().find((other) => other.name.toLowerCase() === name.toLowerCase());
      if (group === undefined) throw new MeshError("GROUP_NOT_FOUND", `There is no group "${name}".`);
      if (group.origin === "config") {
        throw new MeshError("GROUP_READ_ONLY", `Group ${name} comes from the configuration file.`);
      }
    }
  }

  function remember(codeHash: string): void {
    redeemed.delete(codeHash);
    redeemed.set(codeHash, clock.monotonicMs());
    dropOldest(redeemed);
  }

  /** Used up a moment ago: the answer to its last machine may have been lost. */
  function mayComeAgain(codeHash: string): boolean {
    const atMs = redeemed.get(codeHash);
    if (atMs === undefined) return false;
    if (clock.monotonicMs() - atMs < repeatLimitMs) return true;
    redeemed.delete(codeHash);
    return false;
  }

  /** Who has a code that was good once does not guess. */
  async function countUnlessKnown(codeHash: string, from: Caller): Promise<void> {
    if (revoked.has(codeHash) || (await store.isKnown(codeHash))) return;
    options.guard.failedFrom(from);
  }

  async function refused(codeHash: string, address: string): Promise<MeshError> {
    // It was looked at before, at the door: whoever comes here has had a good one.
    await countUnlessKnown(codeHash, { address, isByOtherName: false });
    return new MeshError("INVITE_INVALID", "This invite is unknown, used up or expired.");
  }

  return {
    create: async (input, by) => {
      assertGroups(input.groups ?? []);
      if (input.name !== undefined) registry.assertNameFree(input.name, null, true);
      const secret = invitePrefix + createSecret();
      const nowMs = clock.nowMs();
      const record: InviteRecord = {
        id: options.ids.invite(),
        codeHash: sha256Hex(secret),
        createdAtMs: nowMs,
        createdBy: by.subject,
        expiresAtMs: nowMs + (input.ttl_s ?? defaultInviteTtlS) * 1000,
        uses: input.uses ?? 1,
        name: input.name ?? null,
        tags: distinct(input.tags ?? []),
        groups: distinct(input.groups ?? []),
      };
      assertNotRevoked(by);
      await store.add(record);
      const pin = options.pin();
      return {
        ...toInviteInfo({ ...record, usesLeft: record.uses }),
        // What follows the dot tells the machine whom to trust; it never comes back here.
        code: pin === null ? secret : `${secret}.${pin}`,
        urls: [...options.urls()],
      };
    },
    list: async () => (await store.list(clock.nowMs())).map(toInviteInfo),
    revoke: async (id) => {
      const codeHash = await store.remove(id as InviteId);
      if (codeHash !== null) {
        redeemed.delete(codeHash);
        revoked.add(codeHash);
        dropOldest(revoked);
        return;
      }
      throw new MeshError("INVITE_NOT_FOUND", `There is no invite ${id}.`);
    },
    isKnown: async (codeHash, from) => {
      if (mayComeAgain(codeHash) || (await store.find(codeHash, clock.nowMs(), null)) !== null) return true;
      await countUnlessKnown(codeHash, from);
      const refusal = { action: "invite.redeem", target: null, result: "INVITE_INVALID" };
      if (mayNote()) options.audit.note({ subject: "anonymous", address: from.address, ...refusal });
      return false;
    },
    redeem: async ({ principal, name, instance, address, assertNameFree }) => {
      const { inviteHash } = principal;
      if (inviteHash === null) return null;
      const open = await store.find(inviteHash, clock.nowMs(), instance);
      if (open === null) throw await refused(inviteHash, address);
      if (open.name !== null && open.name.toLowerCase() !== name.toLowerCase()) {
        throw new MeshError("INVITE_INVALID", `This invite is for a machine named "${open.name}".`, {
          hint: `Join with: --name ${open.name}`,
          details: { name: open.name },
        });
      }
      assertNameFree(open.nodeId);
      const use = { instance, nodeId: options.ids.node() };
      const taken = await store.redeem(inviteHash, use, clock.nowMs());
      if (taken === null) throw await refused(inviteHash, address);
      const { id, tags, groups: names } = taken.invite;
      // Whoever comes again and again, as no answer reaches him, must not push others out of the audit.
      if (taken.isNewUse) {
        remember(inviteHash);
        const details = { name, node: taken.nodeId, tags: tags.join(), groups: names.join() };
        options.audit.note({
          subject: id,
          address,
          action: "invite.redeem",
          target: id,
          result: "ok",
          details,
        });
      }
      return { id, tags, groups: names, nodeId: taken.nodeId };
    },
    arrived: async (node) => {
      // After that it is over by itself.
      if (Math.abs(clock.nowMs() - node.record.joinedAtMs) < repeatLimitMs) await store.endUse(node.id);
    },
    grant: async (node, grants) => {
      if (grants.tags.length > 0)
        await registry.patch(node, { add_tags: [...grants.tags] as InviteInput["tags"] });
      for (const name of grants.groups) {
        try {
          await groups.addNode(name, node.id);
        } catch (error) {
          if (!(error instanceof MeshError)) throw error;
          // It was deleted, or has become the configuration's, after the invite was made.
          options.log.warn("a group of an invite was not joined", {
            group: name,
            node: node.id,
            code: error.code,
          });
        }
      }
    },
  };
}

function toInviteInfo(invite: OpenInvite): InviteInfo {
  return {
    id: invite.id,
    created_at: toIsoTime(invite.createdAtMs),
    created_by: invite.createdBy,
    expires_at: toIsoTime(invite.expiresAtMs),
    uses: invite.uses,
    uses_left: invite.usesLeft,
    name: invite.name as InviteInfo["name"],
    tags: [...invite.tags],
    groups: [...invite.groups],
  };
}

function dropOldest(from: Map<string, unknown> | Set<string>): void {
  const [oldest] = from.keys();
  if (from.size > maxRemembered && oldest !== undefined) from.delete(oldest);
}

/** Each once, told apart without case. */
function distinct(names: readonly string[]): readonly string[] {
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
}
