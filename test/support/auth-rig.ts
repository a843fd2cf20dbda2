import type { AuditedAct } from "../../src/coordinator/audit/audit-trail.ts";
import { type Authenticator, createAuthenticator } from "../../src/coordinator/auth/authenticator.ts";
import { createGuessGuard } from "../../src/coordinator/auth/guess-guard.ts";
import { adminPrincipal, type Principal } from "../../src/coordinator/auth/principal.ts";
import { createSessions, type Sessions } from "../../src/coordinator/auth/sessions.ts";
import { createTokens, type Tokens } from "../../src/coordinator/auth/tokens.ts";
import { sha256Hex } from "../../src/platform/hash.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { silentLog } from "../../src/platform/log.ts";
import type { NewToken, TokenInput } from "../../src/protocol/access.ts";
import { MeshError } from "../../src/protocol/errors.ts";
import type { NodeId } from "../../src/protocol/ids.ts";
import { Secret } from "../../src/protocol/secret.ts";
import type { FormerText, TokenRecord, TokenStore } from "../../src/store/tokens.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

interface MemoryTokens extends TokenStore {
  readonly records: Map<string, TokenRecord>;
  readonly former: readonly FormerText[];
}

/** What is left of a store when its disk is taken away: the contract suite of the real one has the rest. */
function createMemoryTokens(): MemoryTokens {
  const records = new Map<string, TokenRecord>();
  const former: FormerText[] = [];
  return {
    records,
    former,
    save: async (token) => void records.set(token.id, token),
    rotate: async (token, formerHash) => {
      records.set(token.id, token);
      former.push({ tokenHash: formerHash, rotatedAtMs: token.rotatedAtMs ?? 0 });
    },
    formerTexts: async () => [...former],
    saveUses: async (uses) => {
      for (const { id, atMs, from } of uses) {
        const record = records.get(id);
        if (record !== undefined) records.set(id, { ...record, lastUsedAtMs: atMs, lastUsedFrom: from });
      }
    },
    list: async () => [...records.values()],
    deleteEnded: async (beforeMs) => {
      const kept = former.filter(({ rotatedAtMs }) => rotatedAtMs >= beforeMs);
      former.splice(0, former.length, ...kept);
      for (const { id, revokedAtMs, expiresAtMs } of records.values()) {
        if ((revokedAtMs ?? beforeMs) < beforeMs || (expiresAtMs ?? beforeMs) < beforeMs) records.delete(id);
      }
    },
  };
}

/** One that a person has chosen, and one as the coordinator makes them. */
export const chosenAdmin = "the-admin-token-of-this-test";
export const generatedAdmin = "7d0c1e9ab35f48261c0fe7d29b84a653";

export const nodeToken = `cmn_${"1".repeat(32)}`;
export const removedToken = `cmn_${"2".repeat(32)}`;
export const nodeId = `node_${"1".repeat(32)}` as NodeId;
export const home = "192.0.2.1";
export const away = "198.51.100.7";

/** What tells who calls, with a clock and a disk of the test. */
export interface AuthRig {
  readonly clock: ManualClock;
  readonly store: MemoryTokens;
  readonly notes: readonly AuditedAct[];
  /** How often a token has ended. */
  readonly ended: () => number;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly authenticator: Authenticator;
  /** The caller who shows this token there. */
  readonly bearer: (token: string, address?: string) => Principal;
  readonly make: (
    input?: { readonly name?: string } & Omit<Partial<TokenInput>, "name">,
  ) => Promise<NewToken>;
  /** Shows so many tokens, wrong ones unless it is told which. */
  readonly guess: (times: number, address: string, toToken?: (at: number) => string) => void;
}

interface RigParts {
  readonly clock?: ManualClock;
  readonly store?: MemoryTokens;
  readonly admin?: string;
}

/** @param parts those of a rig that was there before, as after a restart */
export async function createAuthRig(parts: RigParts = {}): Promise<AuthRig> {
  const { clock = createManualClock(), store = createMemoryTokens(), admin = chosenAdmin } = parts;
  const notes: AuditedAct[] = [];
  let ended = 0;
  const audit = { note: (act: AuditedAct) => void notes.push(act) };
  const tokens = await createTokens({
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
  const sessions = createSessions({ clock, isSecure: () => false, audit });
  const authenticator = createAuthenticator({
    adminToken: new Secret(admin),
    tokens,
    sessions,
    guard: createGuessGuard({ clock, audit }),
    findNodeByTokenHash: (hash) => (hash === sha256Hex(nodeToken) ? nodeId : null),
    isTokenOfRemoved: (hash) => hash === sha256Hex(removedToken),
  });
  tokens.start();
  const bearer = (token: string, address = home) =>
    authenticator.authenticate({ authorization: `Bearer ${token}`, cookie: null, address: () => address });

  return {
    clock,
    store,
    notes,
    ended: () => ended,
    tokens,
    sessions,
    authenticator,
    bearer,
    make: (input = {}) =>
      tokens.create({ name: "ci", scopes: ["send"], ...input } as TokenInput, adminPrincipal),
    guess: (times, address, toToken = (at) => `guess-${at}-${"x".repeat(20)}`) => {
      for (let at = 0; at < times; at += 1) codeOf(() => bearer(toToken(at), address));
    },
  };
}

/** `passed`, or the code of what is thrown. */
export function codeOf(call: () => unknown): string {
  try {
    call();
    return "passed";
  } catch (error) {
    return error instanceof MeshError ? error.code : String(error);
  }
}
