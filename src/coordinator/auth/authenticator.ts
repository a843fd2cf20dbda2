import { sha256Hex } from "../../platform/hash.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { Secret } from "../../protocol/secret.ts";
import { invitePrefix } from "../../protocol/token-prefix.ts";
import { adminPrincipal, anonymous, invitePrincipal, nodePrincipal, type Principal } from "./principal.ts";

/** What a request shows. */
export interface Credentials {
  /** The `Authorization` header; null: none was sent. */
  readonly authorization: string | null;
  /** The `Cookie` header, looked at when there is no other; null: none was sent. */
  readonly cookie: string | null;
  /** Remote address; asked only when it is needed. */
  readonly address: () => string;
}

/** Tells who is calling. */
export interface Authenticator {
  /**
   * The caller behind a request; `anonymous` for one that shows nothing. Throws TOKEN_INVALID for anything unknown,
   * TOO_MANY_TRIES while guessing is locked out, RATE_LIMITED when the token has used up its calls.
   */
  readonly authenticate: (credentials: Credentials) => Principal;
}

interface AuthenticatorOptions {
  readonly adminToken: Secret;
  /** The node whose token has this SHA-256, unless it was removed. */
  readonly findNodeByTokenHash: (tokenHash: string) => NodeId | null;
}

/**
 * Tokens are compared by their SHA-256: what an attacker could learn from the time of a look-up is a prefix of the hash
 * of a guess, which says nothing about the token. Invite codes pass here unchecked and open only the link, where
 * the store redeems them.
 */
export function createAuthenticator({
  adminToken,
  findNodeByTokenHash,
}: AuthenticatorOptions): Authenticator {
  const adminHash = sha256Hex(adminToken.reveal());
  return {
    authenticate: ({ authorization }) => {
      if (authorization === null) return anonymous;
      const token = bearerToken(authorization);
      const tokenHash = sha256Hex(token);
      if (tokenHash === adminHash) return adminPrincipal;
      if (token.startsWith(invitePrefix)) return invitePrincipal(tokenHash);
      const nodeId = findNodeByTokenHash(tokenHash);
      if (nodeId !== null) return nodePrincipal(nodeId);
      throw new MeshError("TOKEN_INVALID", "This token opens nothing here.");
    },
  };
}

function bearerToken(authorization: string): string {
  const scheme = authorization.slice(0, 7);
  if (scheme !== "Bearer " && scheme.toLowerCase() !== "bearer ") {
    throw new MeshError("TOKEN_INVALID", "The Authorization header is not of the form: Bearer <token>.");
  }
  return authorization.slice(7).trim();
}
