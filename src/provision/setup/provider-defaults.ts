import type { ProviderSettings } from "../provider-settings.ts";

interface ProviderDefaults {
  /** Of the runtime's own table of providers. */
  readonly name: string;
  /** Variable that holds its key; the name that its other programs use, too. */
  readonly keyVariable: string;
  /** null: the operator names it. */
  readonly baseUrl: string | null;
  readonly model: string | null;
  /** What OpenClaw calls the dialect. */
  readonly openclawApi: "openai-completions" | "anthropic-messages";
}

/** What is taken where the operator says nothing. A new model is a change of one line here. */
export const providerDefaults: Readonly<Record<ProviderSettings["provider"], ProviderDefaults>> = {
  anthropic: {
    name: "anthropic",
    keyVariable: "ANTHROPIC_API_KEY",
    baseUrl: "https://api.anthropic.com",
    model: "claude-opus-5",
    openclawApi: "anthropic-messages",
  },
  openai: {
    name: "openai",
    keyVariable: "OPENAI_API_KEY",
    baseUrl: "https://api.openai.com/v1",
    model: "gpt-5.4",
    openclawApi: "openai-completions",
  },
  custom: {
    name: "mesh",
    keyVariable: "MESH_PROVIDER_API_KEY",
    baseUrl: null,
    model: null,
    openclawApi: "openai-completions",
  },
};
