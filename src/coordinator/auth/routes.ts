import { toIsoTime } from "../../platform/clock.ts";
import { pageKeyHeader, type SessionInfo } from "../../protocol/access.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { Handlers } from "../http/http-server.ts";
import type { Access } from "./access.ts";
import type { Principal } from "./principal.ts";

interface AccessRouteOptions {
  readonly access: Pick<Access, "tokens" | "invites" | "sessions" | "authenticator">;
  /** null: the node is not there any more. */
  readonly nodeNameOf: (id: NodeId) => string | null;
}

type AccessHandlers = Pick<
  Handlers,
  | "createInvite"
  | "listInvites"
  | "revokeInvite"
  | "createToken"
  | "listTokens"
  | "revokeToken"
  | "rotateToken"
  | "createSession"
  | "getSession"
  | "deleteSession"
>;

/** What the HTTP API says about who may do what. */
export function createAccessRoutes(options: AccessRouteOptions): AccessHandlers {
  const { tokens, invites, sessions, authenticator } = options.access;

  function toSessionInfo(principal: Principal): SessionInfo {
    const token = tokens.findById(principal.subject);
    const name = principal.nodeId === null ? (token?.name ?? null) : options.nodeNameOf(principal.nodeId);
    const expiresAtMs = sessions.ofPrincipal(principal)?.expiresAtMs ?? token?.expiresAtMs ?? null;
    return {
      subject: principal.subject,
      name,
      scopes: [...principal.scopes].filter((scope) => scope !== "none"),
      groups: principal.groups === null ? null : [...principal.groups],
      untrusted: principal.isUntrusted,
      node_id: principal.nodeId,
      expires_at: expiresAtMs === null ? null : toIsoTime(expiresAtMs),
    };
  }

  return {
    createInvite: ({ body, principal }) => invites.create(body, principal),
    listInvites: async () => ({ invites: [...(await invites.list())] }),
    revokeInvite: async ({ params }) => {
      await invites.revoke(params.id);
      return undefined;
    },
    createToken: ({ body, principal }) => tokens.create(body, principal),
    listTokens: () => ({ tokens: [...tokens.list()] }),
    revokeToken: async ({ params, principal, nameTarget }) => {
      nameTarget(await tokens.revoke(params.id, principal));
      return undefined;
    },
    rotateToken: ({ params, principal }) => tokens.rotate(params.id, principal),
    createSession: ({ body, headers, address, setCookie }) => {
      const owner = authenticator.identify(body.token, address);
      const { session, cookie, pageKey } = sessions.open(owner, isFromTlsPage(headers), body.bind_page);
      setCookie(cookie);
      const info = toSessionInfo(session.principal);
      return pageKey === null ? info : { ...info, page_key: pageKey.reveal() };
    },
    getSession: ({ principal }) => toSessionInfo(principal),
    deleteSession: ({ headers, setCookie, nameCaller }) => {
      const { session, cookie } = sessions.close(headers.get("cookie"), headers.get(pageKeyHeader));
      if (session !== null) nameCaller(session.principal);
      setCookie(cookie);
      return undefined;
    },
  };
}

/** A proxy in front speaks TLS then. The Origin is a page of our own: it has been checked before. */
function isFromTlsPage(headers: Headers): boolean {
  return headers.get("origin")?.toLowerCase().startsWith("https://") === true;
}
