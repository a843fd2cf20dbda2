import { timingSafeEqual } from "node:crypto";
import { sha256Hex } from "../../platform/hash.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { Secret } from "../../protocol/secret.ts";
import { invitePrefix } from "../../protocol/token-prefix.ts";
import type { GuessGuard } from "./guess-guard.ts";
import { adminPrincipal, anonymous, invitePrincipal, nodePrincipal, type Principal } from "./principal.ts";
import type { SessionOwner, Sessions } from "./sessions.ts";
import { toDigest } from "./token-digest.ts";
import type { Tokens } from "./tokens.ts";

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
  /**
   * Who may log in with this token: nodes and invites may not. Throws as `authenticate` does; a wrong one counts as a
   * guess.
   */
  readonly identify: (token: string, address: string) => SessionOwner;
}

interface AuthenticatorOptions {
  readonly adminToken: Secret;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly guard: GuessGuard;
  /** The node whose token has this SHA-256, unless it was removed. */
  readonly findNodeByTokenHash: (tokenHash: string) => NodeId | null;
  /** It was the token of a node that was removed. */
  readonly isTokenOfRemoved: (tokenHash: string) => boolean;
}

/** What an Authorization header can carry as one token. */
const tokenText = /^[\x21-\x7e]+$/;

/**
 * Tokens are looked up by their SHA-256 and compared in constant time: what an attacker could learn from the time of a
 * look-up is a prefix of the hash of a guess, which says nothing about the token. Invite codes pass here unchecked and
 * open only the link and the registration, where they are redeemed.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { tokens, sessions, guard } = options;
  const adminDigest = toDigest(sha256Hex(options.adminToken.reveal()));
  const adminOwner: SessionOwner = {
    principal: adminPrincipal,
    expiresAtMs: null,
    rate: null,
    noteUse: () => undefined,
  };

  /** The admin token, or one that was made; null: neither. */
  function ownerOf(tokenHash: string): SessionOwner | null {
    const digest = toDigest(tokenHash);
    if (timingSafeEqual(digest, adminDigest)) return adminOwner;
    const token = tokens.find(tokenHash);
    if (token === null || !timingSafeEqual(digest, token.digest)) return null;
    const { id, principal, expiresAtMs, rate } = token;
    return { principal, expiresAtMs, rate, noteUse: (address) => tokens.noteUse(id, address) };
  }

  function use(owner: SessionOwner, address: string): Principal {
    owner.noteUse(address);
    owner.rate?.take();
    return owner.principal;
  }

  function refuse(shown: {
    readonly token: string;
    readonly tokenHash: string;
    readonly address: string;
  }): never {
    // Who has a token that was good once does not guess.
    const ended = tokens.whyEnded(shown.tokenHash);
    if (ended !== null) throw ended;
    if (options.isTokenOfRemoved(shown.tokenHash)) {
      throw new MeshError("TOKEN_INVALID", "The node of this token was removed from the mesh.", {
        hint: "Join again with a new invite: claw-mesh invite",
      });
    }
    guard.failed(shown);
    throw new MeshError("TOKEN_INVALID", "This token opens nothing here.");
  }

  function byBearer(authorization: string, address: string): Principal {
    const token = bearerToken(authorization);
    const shown = { token, tokenHash: sha256Hex(token), address };
    guard.assertMayTry(shown);
    const owner = ownerOf(shown.tokenHash);
    if (owner !== null) {
      guard.passed(shown);
      return use(owner, address);
    }
    if (token.startsWith(invitePrefix)) return invitePrincipal(sha256Hex(withoutPin(token)));
    const nodeId = options.findNodeByTokenHash(shown.tokenHash);
    if (nodeId === null) return refuse(shown);
    guard.passed(shown);
    return nodePrincipal(nodeId);
  }

  return {
    authenticate: ({ authorization, cookie, address }) => {
      if (authorization !== null) return byBearer(authorization, address());
      const session = cookie === null ? null : sessions.find(cookie);
      if (session === null) return anonymous;
      use(session.owner, address());
      return session.principal;
    },
    identify: (token, address) => {
      const shown = { token, tokenHash: sha256Hex(token), address };
      guard.assertMayTry(shown);
      const owner = ownerOf(shown.tokenHash);
      if (owner === null) {
        if (options.findNodeByTokenHash(shown.tokenHash) === null) return refuse(shown);
        throw new MeshError("TOKEN_INVALID", "A node's token cannot log in.");
      }
      guard.passed(shown);
      use(owner, address);
      return owner;
    },
  };
}

/** Nodes keep the pin to themselves; whoever copies a whole code into another client sends it along. */
function withoutPin(code: string): string {
  return code.split(".", 1)[0] ?? code;
}

/** One token, once: what two headers, or two tokens in one, come to is refused. */
function bearerToken(authorization: string): string {
  const scheme = authorization.slice(0, 7);
  const isBearer = scheme === "Bearer " || scheme.toLowerCase() === "bearer ";
  const token = authorization.slice(7).trim();
  if (isBearer && tokenText.test(token)) return token;
  throw new MeshError("TOKEN_INVALID", "The Authorization header is not of the form: Bearer <token>.");
}
