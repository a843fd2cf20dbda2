import { MeshError } from "../../protocol/errors.ts";
import type { AuditedAct, AuditTrail } from "./audit-trail.ts";
import type { RepeatCounts } from "./repeat-counts.ts";

/** Joins of one kind that are written one by one in a minute, and refusals; the others are counted. */
export const freeJoinsPerMinute = 20;
const freeRefusalsPerMinute = 1;

/** Who comes over a link. */
export interface Joiner {
  readonly subject: string;
  readonly address: string;
  readonly name: string;
  /** Whoever has an admin's token is not bounded: each of his joins is written. */
  readonly isAdmin: boolean;
}

/** What a machine was given. */
export interface Joined {
  readonly nodeId: string;
  readonly isReturning: boolean;
  readonly tags: readonly string[];
  readonly groups: readonly string[];
}

/** Machines that come over a link: what the audit says of them. Those with a direct endpoint are calls of a route. */
export interface JoinActs {
  /** Throws STORE_UNAVAILABLE: nobody gets a token that the audit could not tell of. */
  readonly assertRecordable: () => void;
  /** A token was made for it. Resolves when that is stored; rejects as the trail does. */
  readonly joined: (who: Joiner, what: Joined) => Promise<void>;
  /** `code`: of the error. */
  readonly refused: (who: Joiner, code: string) => void;
}

interface JoinActsOptions {
  readonly trail: AuditTrail;
  readonly repeats: RepeatCounts;
}

export function createJoinActs({ trail, repeats }: JoinActsOptions): JoinActs {
  return {
    assertRecordable: () => {
      const trouble = trail.trouble();
      if (trouble === null) return;
      throw new MeshError("STORE_UNAVAILABLE", `Nobody joins who cannot be audited: ${trouble}.`);
    },
    joined: async (who, { nodeId, isReturning, tags, groups }) => {
      const act: AuditedAct = {
        ...toAct(who, nodeId, "ok"),
        details: { name: who.name, returning: isReturning, tags: tags.join(), groups: groups.join() },
      };
      if (who.isAdmin || repeats.admit(act, freeJoinsPerMinute)) await trail.record(act);
    },
    refused: (who, code) => {
      const act = { ...toAct(who, null, code), details: { name: who.name } };
      if (repeats.admit(act, freeRefusalsPerMinute)) trail.note(act);
    },
  };
}

function toAct({ subject, address }: Joiner, target: string | null, result: string): AuditedAct {
  return { subject, address, action: "node.join", target, result };
}
