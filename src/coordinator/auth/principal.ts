import type { TokenScope } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Scope } from "../../protocol/http/route.ts";
import type { NodeId, TokenId } from "../../protocol/ids.ts";

/** Who is calling, as the token says. */
export interface Principal {
  /** Id of the token, for ownership of tasks and sessions and for the audit. Never the token. */
  readonly subject: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Set for a node's own token: it opens nothing but that node's own routes. */
  readonly nodeId: NodeId | null;
  /** SHA-256 of an invite's code. */
  readonly inviteHash: string | null;
  /** Names of the groups whose nodes it may send to and operate; null: all nodes. */
  readonly groups: readonly string[] | null;
  /** What it sends is another owner's. */
  readonly isUntrusted: boolean;
  /** It came with the cookie of a browser: Host and Origin have to be right. */
  readonly isCookie: boolean;
  /** Aborted when the token is revoked, rotated or expired, or the login ends: what it has open ends with it. */
  readonly revoked: AbortSignal;
}

/** Never aborted: what cannot be revoked while the coordinator runs. */
const lasting: AbortSignal = new AbortController().signal;

const unlimited = { nodeId: null, inviteHash: null, groups: null, isUntrusted: false, isCookie: false };

export const anonymous: Principal = {
  ...unlimited,
  subject: "anonymous",
  scopes: new Set(["none"]),
  revoked: lasting,
};

/** Who does what the coordinator does by itself. */
export const coordinatorItself = { subject: "coordinator", revoked: lasting } as const;

/** What a scope brings with it: admin ⊃ operate ⊃ read ⊃ metrics, admin ⊃ send. */
const implied: Readonly<Record<TokenScope, readonly Scope[]>> = {
  admin: ["none", "admin", "operate", "read", "metrics", "send"],
  operate: ["none", "operate", "read", "metrics"],
  read: ["none", "read", "metrics"],
  send: ["none", "send"],
  metrics: ["none", "metrics"],
};

/** All that these scopes open. */
export function expandScopes(scopes: readonly TokenScope[]): ReadonlySet<Scope> {
  return new Set(scopes.flatMap((scope) => implied[scope]));
}

export const adminPrincipal: Principal = {
  ...unlimited,
  subject: "admin",
  scopes: expandScopes(["admin"]),
  revoked: lasting,
};

/** What an API token lets its holder do. */
interface TokenGrant {
  readonly id: TokenId;
  readonly scopes: readonly TokenScope[];
  readonly groups: readonly string[] | null;
  readonly isUntrusted: boolean;
}

export function tokenPrincipal(
  { id, scopes, groups, isUntrusted }: TokenGrant,
  revoked: AbortSignal,
): Principal {
  return { ...unlimited, subject: id, scopes: expandScopes(scopes), groups, isUntrusted, revoked };
}

/** The same caller in a browser: it may never do more than the token that it logged in with. */
export function cookiePrincipal(owner: Principal, revoked: AbortSignal): Principal {
  return { ...owner, isCookie: true, revoked };
}

export function nodePrincipal(nodeId: NodeId): Principal {
  return { ...unlimited, subject: nodeId, scopes: new Set(["none", "node"]), nodeId, revoked: lasting };
}

export function invitePrincipal(codeHash: string): Principal {
  return {
    ...unlimited,
    subject: "invite",
    scopes: new Set(["none", "invite"]),
    inviteHash: codeHash,
    revoked: lasting,
  };
}

/** Of a signal that can be aborted: what is open with it. One listener for all, however many wait. */
const waitingFor = new WeakMap<AbortSignal, Set<Waiting>>();

interface Waiting {
  readonly callback: () => void;
}

/**
 * Calls back, once, when the caller may do no more; at once when that is so already. @returns forgets it; to be called
 * when what was open has ended
 */
export function onRevoked({ revoked }: Pick<Principal, "revoked">, callback: () => void): () => void {
  if (revoked === lasting) return () => undefined;
  if (revoked.aborted) {
    callback();
    return () => undefined;
  }
  const all = waitingFor.get(revoked) ?? watch(revoked);
  const waiting = { callback };
  all.add(waiting);
  return () => void all.delete(waiting);
}

function watch(revoked: AbortSignal): Set<Waiting> {
  const all = new Set<Waiting>();
  waitingFor.set(revoked, all);
  const callAll = () => {
    const faults: unknown[] = [];
    for (const waiting of all) {
      // Each may end others, which are called no more then.
      all.delete(waiting);
      try {
        waiting.callback();
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, "what was open could not be ended");
  };
  revoked.addEventListener("abort", callAll, { once: true });
  return all;
}

/** What comes of the work, or, when the caller may do no more before that, what he is told then. */
export function untilRevoked<Result>(
  { revoked }: Pick<Principal, "revoked">,
  work: Promise<Result>,
): Promise<Result> {
  if (revoked === lasting) return work;
  return new Promise((resolve, reject) => {
    const forget = onRevoked({ revoked }, () => reject(revocationOf({ revoked })));
    work.then(
      (result) => {
        forget();
        resolve(result);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}

/** Throws what the caller is told when his token, or his login, has become void meanwhile. */
export function assertNotRevoked({ revoked }: Pick<Principal, "revoked">): void {
  if (revoked.aborted) throw revocationOf({ revoked });
}

export function revocationOf({ revoked }: Pick<Principal, "revoked">): MeshError {
  return revoked.reason instanceof MeshError
    ? revoked.reason
    : new MeshError("TOKEN_INVALID", "This token is void.");
}
