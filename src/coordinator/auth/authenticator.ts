import { timingSafeEqual } from "node:crypto";
import { sha256Hex } from "../../platform/hash.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { Secret } from "../../protocol/secret.ts";
import { invitePrefix } from "../../protocol/token-prefix.ts";
import { isUnguessable } from "./admin-token.ts";
import type { GuessGuard, Try } from "./guess-guard.ts";
import { adminPrincipal, anonymous, invitePrincipal, nodePrincipal, type Principal } from "./principal.ts";
import type { SessionOwner, Sessions } from "./sessions.ts";
import { toDigest } from "./token-digest.ts";
import type { Tokens } from "./tokens.ts";

/** What a request shows. */
export interface Credentials {
  /** The `Authorization` header; null: none was sent. */
  readonly authorization: string | null;
  /** The `Cookie` header, looked at when no bearer token is there; null: none was sent. */
  readonly cookie: string | null;
  /** Remote address; asked only when it is needed. */
  readonly address: () => string;
  /** What came in the header of the key of a page, see `pageKeyHeader`. default null: it did not */
  readonly pageKey?: string | null;
  /** Throws when a browser may not have sent the cookie so. Asked when it counts, before its token is charged a call. */
  readonly assertOwnPage?: () => void;
  /** As of {@link Try}. */
  readonly isByOtherName?: () => boolean;
}

/** Tells who is calling. */
export interface Authenticator {
  /**
   * The caller behind a request; `anonymous` for one that shows nothing. Throws TOKEN_INVALID for anything unknown,
   * TOO_MANY_TRIES for what could be guessed while guessing is locked out, RATE_LIMITED when the token has used up its
   * calls.
   */
  readonly authenticate: (credentials: Credentials) => Principal;
  /**
   * Who may log in with this token: nodes and invites may not. Throws as `authenticate` does; a wrong one counts as a
   * guess.
   */
  readonly identify: (token: string, address: () => string) => SessionOwner;
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
 * look-up is a prefix of the hash of a guess, which says nothing about the token. What is found and was drawn at random
 * passes whatever is locked: nobody comes by it by guessing, and whoever guesses must not keep its owner out. Invite codes
 * pass here unchecked and open only the link and the registration, where they are redeemed.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { tokens, sessions, guard } = options;
  const adminToken = options.adminToken.reveal();
  const adminDigest = toDigest(sha256Hex(adminToken));
  const isAdminGuessable = !isUnguessable(options.adminToken);
  const adminOwner: SessionOwner = {
    principal: adminPrincipal,
    expiresAtMs: null,
    rate: null,
    noteUse: () => undefined,
  };

  /** The admin token, or one that was made; null: neither. Throws TOO_MANY_TRIES. */
  function ownerOf(tokenHash: string, attempt: Try): SessionOwner | null {
    const digest = toDigest(tokenHash);
    if (timingSafeEqual(digest, adminDigest)) {
      // The answer would tell: to whoever guesses at the owner's address, too.
      if (isAdminGuessable) guard.assertMayTry(attempt);
      return adminOwner;
    }
    const token = tokens.find(tokenHash);
    if (token === null || !timingSafeEqual(digest, token.digest)) return null;
    const { id, principal, expiresAtMs, rate } = token;
    return { principal, expiresAtMs, rate, noteUse: (address) => tokens.noteUse(id, address) };
  }

  function use(owner: SessionOwner, address: () => string): Principal {
    owner.noteUse(address);
    owner.rate?.take();
    return owner.principal;
  }

  function refuse(tokenHash: string, attempt: Try): never {
    // Who has a token that was good once does not guess.
    const ended = tokens.whyEnded(tokenHash);
    if (ended !== null) throw ended;
    if (options.isTokenOfRemoved(tokenHash)) {
      throw new MeshError("TOKEN_INVALID", "The node of this token was removed from the mesh.", {
        hint: "Join again with a new invite: claw-mesh invite",
      });
    }
    guard.assertMayTry(attempt);
    guard.failed(attempt);
    throw new MeshError("TOKEN_INVALID", "This token opens nothing here.");
  }

  function byBearer(attempt: Try): Principal {
    const { token, address } = attempt;
    const tokenHash = sha256Hex(token);
    const owner = ownerOf(tokenHash, attempt);
    if (owner !== null) return use(owner, address);
    const nodeId = options.findNodeByTokenHash(tokenHash);
    if (nodeId !== null) return nodePrincipal(nodeId);
    if (!token.startsWith(invitePrefix)) return refuse(tokenHash, attempt);
    guard.assertMayTry(attempt);
    return invitePrincipal(sha256Hex(withoutPin(token)));
  }

  return {
    authenticate: ({ authorization, cookie, pageKey, address, assertOwnPage, isByOtherName }) => {
      if (authorization !== null && isBearer(authorization)) {
        return byBearer({ token: bearerToken(authorization), address, isByOtherName });
      }
      const session = cookie === null ? null : sessions.find(cookie, pageKey);
      if (session === null) {
        if (authorization !== null) throw notBearer();
        return anonymous;
      }
      assertOwnPage?.();
      use(session.owner, address);
      return session.principal;
    },
    identify: (token, address) => {
      const attempt = { token, address };
      const tokenHash = sha256Hex(token);
      const owner = ownerOf(tokenHash, attempt);
      if (owner === null) {
        // Every one gets this answer, so that nobody learns by it whether a code is good.
        if (token.startsWith(invitePrefix)) {
          throw new MeshError("TOKEN_INVALID", "An invite cannot log in.");
        }
        if (options.findNodeByTokenHash(tokenHash) === null) return refuse(tokenHash, attempt);
        throw new MeshError("TOKEN_INVALID", "A node's token cannot log in.");
      }
      use(owner, address);
      return owner;
    },
  };
}

/** Nodes keep the pin to themselves; whoever copies a whole code into another client sends it along. */
function withoutPin(code: string): string {
  return code.split(".", 1)[0] ?? code;
}

/** Other schemes are for a proxy in front, such as its own login. */
function isBearer(authorization: string): boolean {
  const scheme = authorization.slice(0, 7);
  return scheme === "Bearer " || scheme.toLowerCase() === "bearer ";
}

/** One token, once: what two headers, or two tokens in one, come to is refused. */
function bearerToken(authorization: string): string {
  const token = authorization.slice(7).trim();
  if (tokenText.test(token)) return token;
  throw notBearer();
}

function notBearer(): MeshError {
  return new MeshError("TOKEN_INVALID", "The Authorization header is not of the form: Bearer <token>.");
}
