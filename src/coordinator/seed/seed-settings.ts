import type { Environment } from "../../platform/environment.ts";

/** What the coordinator's machine offers new nodes. */
export interface SeedSettings {
  /** Absolute; null: where OpenClaw keeps it. */
  readonly configFile: string | null;
  readonly workspaceDir: string | null;
  /** OpenClaw's own variables are read from it. */
  readonly env: Environment;
}
