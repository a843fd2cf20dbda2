import type { Secret } from "../protocol/secret.ts";

/** Who computes the answers of a runtime that is set up here. */
export interface ProviderSettings {
  readonly provider: "anthropic" | "openai" | "custom";
  /** null: none is needed, as with many a server of one's own (`custom` only). */
  readonly key: Secret | null;
  /** Address of the API up to and with `/v1`; null: the provider's own (not for `custom`). */
  readonly baseUrl: string | null;
  /** null: a default of that provider (not for `custom`). */
  readonly model: string | null;
}
