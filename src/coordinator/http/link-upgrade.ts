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
  /** Whether an invite may open a link; checked before the upgrade so that a used-up one gets a plain 401. */
  readonly isInviteOpen: (inviteHash: string, address: string) => Promise<boolean>;
}

interface Opener {
  readonly principal: Principal;
  readonly address: string;
}

/** Makes a WebSocket of a request. Throws INVITE_INVALID, TOO_MANY_REQUESTS or UPGRADE_REQUIRED. */
export type UpgradeLink = (
  request: Request,
  server: Bun.Server<unknown>,
  opener: Opener,
) => Promise<undefined>;

export function createLinkUpgrade({ links, holds, places, isInviteOpen }: LinkUpgradeOptions): UpgradeLink {
  return async (request, server, { principal, address }) => {
    if (principal.inviteHash !== null && !(await isInviteOpen(principal.inviteHash, address))) {
      throw new MeshError("INVITE_INVALID", "This invite is unknown, used up or expired.");
    }
    holds.assertFree(principal, address);
    const leave = places.take(address);
    if (server.upgrade(request, { data: links.dataFor(principal, address, leave) })) return undefined;
    leave();
    throw new MeshError("UPGRADE_REQUIRED", "This path is a WebSocket.");
  };
}
