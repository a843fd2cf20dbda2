import { z } from "zod";
import { apiPrefix, route } from "./route.ts";

/** Files of one workspace seed, and characters of each. What is more is left out, and told. */
export const maxSeedFiles = 512;
export const maxSeedFileLength = 1024 * 1024;

export const SeedFile = z.object({
  /** Below the workspace, with `/` between folders: `memory/2026-11-02.md`. The receiver checks it again. */
  path: z.string().min(1).max(512),
  content: z.string().max(maxSeedFileLength),
});
export type SeedFile = z.infer<typeof SeedFile>;

/** As in the classic tool. Off until the operator of the coordinator allows it (`coordinator.seed`). */
export const seedRoutes = {
  getSeedConfig: route({
    operationId: "getSeedConfig",
    method: "GET",
    path: `${apiPrefix}/seed/config`,
    tag: "seed",
    scopes: ["node", "admin"],
    summary: "Settings of taste of the coordinator's OpenClaw: a closed list",
    status: 200,
    answer: z.record(z.string(), z.unknown()),
    errors: ["SEED_NOT_FOUND"],
  }),
  getSeedWorkspace: route({
    operationId: "getSeedWorkspace",
    method: "GET",
    path: `${apiPrefix}/seed/workspace`,
    tag: "seed",
    scopes: ["node", "admin"],
    summary: "Identity and memory files of the coordinator's workspace",
    status: 200,
    answer: z.object({ files: z.array(SeedFile).max(maxSeedFiles) }),
    errors: ["SEED_NOT_FOUND"],
  }),
};
