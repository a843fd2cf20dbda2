import { MeshError } from "../../protocol/errors.ts";
import type { Handlers } from "../http/http-server.ts";

type DirectHandlers = Pick<Handlers, "registerNode" | "heartbeatNode">;

export function createDirectRoutes(): DirectHandlers {
  const missing = () => {
    throw new MeshError("INTERNAL", "not built yet");
  };
  return { registerNode: missing, heartbeatNode: missing };
}
