import type { StartTarget } from "../target.ts";
import { startCli } from "./cli.ts";
import { startConfig } from "./config.ts";
import { startDirect } from "./direct.ts";
import { startFrames } from "./frames.ts";
import { startHttp } from "./http.ts";
import { startHttpRaw } from "./http-raw.ts";
import { startLinkCoordinator } from "./link-coordinator.ts";
import { startLinkNode } from "./link-node.ts";
import { startRules } from "./rules.ts";

/** Every way in, by the name of its claim `fuzz.<name>`, its corpus and its seeds. */
export const fuzzTargets: Readonly<Record<string, StartTarget>> = {
  http: startHttp,
  "http-raw": startHttpRaw,
  frames: startFrames,
  "link-coordinator": startLinkCoordinator,
  "link-node": startLinkNode,
  direct: startDirect,
  config: startConfig,
  rules: startRules,
  cli: startCli,
};
