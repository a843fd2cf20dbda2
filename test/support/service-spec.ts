import type { ServiceSpec } from "../../src/platform/services/service-spec.ts";

/** A service with paths and arguments that need quoting everywhere. */
export function oddService(changes: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    id: { role: "node", node: "gpu-box" },
    scope: "user",
    program: "/opt/claw mesh/100% <claw>/claw-mesh",
    args: [
      "join",
      "http://vps:9180",
      "--tags",
      "a b,$HOME,%h",
      '--name="x"',
      "it's",
      "back\\slash",
      "",
      "<&>",
      ";",
    ],
    dataDir: "/home/ann/my mesh",
    runAs: null,
    searchPath: "/usr/bin:/home/ann/my bin",
    environmentFile: "/home/ann/my mesh/services/claw-mesh-node-gpu-box.env",
    logFile: "/home/ann/my mesh/services/claw-mesh-node-gpu-box.log",
    isSealed: false,
    ...changes,
  };
}
