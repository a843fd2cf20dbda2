import type { LinkServer } from "../../link/link-server.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Principal } from "../auth/principal.ts";
import type { ClientPlaces } from "./client-places.ts";
import type { LinkHolds } from "./link-holds.ts";

interface LinkUpgradeOptions {
  readonly links: LinkServer<Principal>;
  readonly holds: LinkHolds;
  /** Links of one client. */
  readonly places: ClientPlaces;
}

interface Opener {
  readonly principal: Principal;
  readonly address: string;
}

/** Makes a WebSocket of a request. Throws SCOPE_MISSING, TOO_MANY_REQUESTS or UPGRADE_REQUIRED. */
export type UpgradeLink = (request: Request, server: Bun.Server<unknown>, opener: Opener) => undefined;

export function createLinkUpgrade({ links, holds, places }: LinkUpgradeOptions): UpgradeLink {
  return (request, server, { principal, address }) => {
    // A link is for a node, which has a token of its own; nothing that a browser sends by itself makes one.
    if (principal.isCookie) {
      throw new MeshError("SCOPE_MISSING", "The login of a browser opens no link.", {
        hint: "Use a node's token, an invite or an admin's token.",
      });
    }
    holds.assertFree(principal, address);
    const leave = places.take(address);
    if (server.upgrade(request, { data: links.dataFor(principal, address, leave) })) return undefined;
    leave();
    throw new MeshError("UPGRADE_REQUIRED", "This path is a WebSocket.");
  };
}
