import { MeshError } from "../../protocol/errors.ts";
import { toOpenApi } from "../../protocol/http/openapi.ts";
import type { MeshId } from "../../protocol/ids.ts";
import type { Handlers } from "./http-server.ts";

interface ServiceRouteOptions {
  readonly meshId: MeshId;
  readonly version: string;
  readonly isReady: () => boolean;
  /** Why the store refuses new work; null: it does not. */
  readonly storeTrouble: () => string | null;
}

type ServiceHandlers = Pick<Handlers, "getHealth" | "getReadiness" | "getOpenApi">;

export function createServiceRoutes(options: ServiceRouteOptions): ServiceHandlers {
  let openApi: Record<string, unknown> | null = null;
  return {
    getHealth: () => ({ status: "ok", mesh_id: options.meshId, version: options.version }),
    getReadiness: () => {
      if (!options.isReady()) throw new MeshError("COORDINATOR_STOPPING", "The coordinator is stopping.");
      const trouble = options.storeTrouble();
      if (trouble !== null) throw new MeshError("STORE_UNAVAILABLE", `The store takes no work: ${trouble}.`);
      return { ready: true, reason: null };
    },
    getOpenApi: () => {
      openApi ??= toOpenApi({ version: options.version }) as Record<string, unknown>;
      return openApi;
    },
  };
}
