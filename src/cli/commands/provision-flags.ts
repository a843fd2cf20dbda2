import type { Catalogue } from "../../locale/index.ts";
import { parseSecret, parseText } from "../parsers.ts";

/** Flags of `join --auto-install` and `runtime install`: what is installed, and who computes its answers. */
export function createProvisionFlags({ runtimes }: Catalogue) {
  const { flags } = runtimes;
  const text = { kind: "parsed", parse: parseText, optional: true } as const;
  return {
    dryRun: { kind: "boolean", brief: flags.dryRun, optional: true, withNegated: false },
    runtimeVersion: { ...text, brief: flags.runtimeVersion, placeholder: "version" },
    apiProvider: {
      kind: "enum",
      values: ["anthropic", "openai", "custom"],
      brief: flags.apiProvider,
      optional: true,
      placeholder: "provider",
    },
    apiKey: { ...text, parse: parseSecret, brief: flags.apiKey, placeholder: "key" },
    apiKeyFile: { ...text, brief: flags.apiKeyFile, placeholder: "file" },
    apiBase: { ...text, brief: flags.apiBase, placeholder: "url" },
    apiModel: { ...text, brief: flags.apiModel, placeholder: "model" },
  } as const;
}
