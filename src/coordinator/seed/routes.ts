import { MeshError } from "../../protocol/errors.ts";
import type { Handlers } from "../http/http-server.ts";

/** What the coordinator's machine offers new nodes. */
export function createSeedRoutes(): Pick<Handlers, "getSeedConfig" | "getSeedWorkspace"> {
  const refuse = () => {
    throw new MeshError("SEED_NOT_FOUND", "this coordinator offers no seed");
  };
  return { getSeedConfig: refuse, getSeedWorkspace: refuse };
}
