import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { Store } from "../../store/store.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Groups } from "../routing/groups.ts";
import { type Authenticator, createAuthenticator } from "./authenticator.ts";
import { createGuessGuard } from "./guess-guard.ts";
import { createInvites, type Invites } from "./invites.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { createTokens, type Tokens } from "./tokens.ts";

export interface AccessOptions {
  readonly adminToken: Secret;
  readonly store: Pick<Store, "tokens" | "invites">;
  readonly registry: NodeRegistry;
  readonly groups: Groups;
  readonly audit: Pick<AuditTrail, "note">;
  /** A token has become void; the signals of its callers have been aborted. */
  readonly onTokenEnded: () => void;
  /** Addresses of this coordinator that another machine may be able to reach. */
  readonly urls: () => readonly string[];
  /** Pin of the key that the coordinator shows; null: it is not called over TLS. */
  readonly pin: () => string | null;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** Who may do what: tokens, logins and invites. */
export interface Access {
  readonly authenticator: Authenticator;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly invites: Invites;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export async function createAccess(options: AccessOptions): Promise<Access> {
  const { store, registry, groups, audit, clock, ids, log } = options;
  const guard = createGuessGuard({ clock, audit });
  const tokens = await createTokens({
    store: store.tokens,
    isGroup: groups.has,
    onEnded: options.onTokenEnded,
    audit,
    clock,
    ids,
    log,
  });
  const sessions = createSessions({ clock, isSecure: () => options.pin() !== null, audit });
  const invites = createInvites({
    store: store.invites,
    registry,
    groups,
    guard,
    audit,
    clock,
    ids,
    log,
    urls: options.urls,
    pin: options.pin,
  });
  const authenticator = createAuthenticator({
    adminToken: options.adminToken,
    tokens,
    sessions,
    guard,
    findNodeByTokenHash: registry.findByTokenHash,
    isTokenOfRemoved: registry.isTokenOfRemoved,
  });
  return {
    authenticator,
    tokens,
    sessions,
    invites,
    start: tokens.start,
    stop: tokens.stop,
  };
}
