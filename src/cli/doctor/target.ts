import { createMeshClient } from "../../client/index.ts";
import type { NodePlace } from "../../node/index.ts";
import { findLocalCoordinator } from "../../platform/coordinator-file.ts";
import { proxyForUrl } from "../../platform/http-fetch.ts";
import { type Connection, connect } from "../connection.ts";
import type { CliContext } from "../context.ts";

/** The path that is checked: from this machine to one coordinator. */
export interface Target {
  readonly connection: Connection;
  /** This machine's node there; null: it has none. */
  readonly place: NodePlace | null;
  /** The node's own token is used, which opens nothing but the node's routes. */
  readonly isNodeToken: boolean;
  /** A coordinator runs on this machine with its data directory. */
  readonly isLocalRunning: boolean;
}

/**
 * The coordinator that was named, or runs here; on a machine that is only a node, the one that it joined last, with the node's
 * own token and trust.
 */
export async function findTarget(context: CliContext, places: readonly NodePlace[]): Promise<Target> {
  const connection = await connect(context);
  const isLocalRunning = (await findLocalCoordinator(connection.config.dataDir)) !== null;
  const { coordinator } = context.globals;
  const isNamed = coordinator !== null || (context.env.CLAW_MESH_COORDINATOR ?? "") !== "";
  const isMeant =
    isNamed || isLocalRunning || connection.config.originOf("coordinator.port").kind !== "default";
  const [last] = places;
  if (!isMeant && last !== undefined) return await throughNode(context, last, { connection, isLocalRunning });
  const place = places.find(({ coordinatorUrl }) => coordinatorUrl === connection.url) ?? null;
  return place === null || connection.token !== null
    ? { connection, place, isNodeToken: false, isLocalRunning }
    : throughNode(context, place, { connection, isLocalRunning });
}

async function throughNode(
  context: CliContext,
  place: NodePlace,
  { connection, isLocalRunning }: Pick<Target, "connection" | "isLocalRunning">,
): Promise<Target> {
  const { texts, fetch, env } = context;
  const url = place.coordinatorUrl;
  const proxyUrl = proxyForUrl(url, env);
  const given = connection.token;
  const token = given ?? { value: place.token, origin: texts.doctor.origins.node(place.name) };
  const { withTrust } = await import("../../platform/tls/trust.ts");
  const client = createMeshClient({
    baseUrl: url,
    token: token.value,
    fetch: withTrust(fetch, place.trust),
    proxyUrl,
  });
  return {
    connection: { ...connection, client, url, token, proxyUrl },
    place,
    isNodeToken: given === null,
    isLocalRunning,
  };
}
