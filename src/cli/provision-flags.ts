import type { Secret } from "../protocol/secret.ts";

/** What `join --auto-install` and `runtime install` may be told. */
export interface ProvisionFlags {
  readonly dryRun?: boolean;
  readonly runtimeVersion?: string;
  readonly apiProvider?: "anthropic" | "openai" | "custom";
  readonly apiKey?: Secret;
  readonly apiKeyFile?: string;
  readonly apiBase?: string;
  readonly apiModel?: string;
}
