import type { Scope } from "../../protocol/http/route.ts";
import type { NodeId } from "../../protocol/ids.ts";

/** Who is calling, as the token says. */
export interface Principal {
  /** Id of the token, for ownership of tasks and sessions and for the audit. Never the token. */
  readonly subject: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Set for a node's own token: it opens nothing but that node's own routes. */
  readonly nodeId: NodeId | null;
  /** SHA-256 of an invite's code. */
  readonly inviteHash: string | null;
}

export const anonymous: Principal = {
  subject: "anonymous",
  scopes: new Set(["none"]),
  nodeId: null,
  inviteHash: null,
};

/** admin ⊃ operate ⊃ read, admin ⊃ send. */
export const adminPrincipal: Principal = {
  subject: "admin",
  scopes: new Set(["none", "read", "send", "operate", "admin", "metrics"]),
  nodeId: null,
  inviteHash: null,
};

export function nodePrincipal(nodeId: NodeId): Principal {
  return { subject: nodeId, scopes: new Set(["none", "node"]), nodeId, inviteHash: null };
}

export function invitePrincipal(codeHash: string): Principal {
  return { subject: "invite", scopes: new Set(["none", "invite"]), nodeId: null, inviteHash: codeHash };
}
