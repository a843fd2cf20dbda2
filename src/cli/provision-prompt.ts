import { Secret } from "../protocol/secret.ts";
import type { ProviderSettings } from "../provision/index.ts";
import type { CliContext } from "./context.ts";
import {
  mayLackKey,
  type ProviderDraft,
  parseBase,
  requireProvider,
  toProvider,
} from "./provision-provider.ts";

type ProviderName = ProviderSettings["provider"];

/**
 * What flags and environment left open, asked on a terminal; elsewhere an error names it.
 * @throws MeshError PROVIDER_KEY_MISSING; an AbortError when the person calls it off
 */
export async function completeProvider(context: CliContext, draft: ProviderDraft): Promise<ProviderSettings> {
  const { stdin, stdout, globals } = context;
  const given = toProvider(context, draft);
  if (given !== null) return given;
  if (!stdin.isTerminal || !stdout.isTerminal || globals.json) return requireProvider(context, draft);
  return requireProvider(context, await askFor(context, draft));
}

async function askFor(context: CliContext, draft: ProviderDraft): Promise<ProviderDraft> {
  const { ask } = context.texts.provision;
  const questions = await createQuestions(context);
  const provider = draft.provider ?? (await questions.provider());
  const isCustom = provider === "custom";
  const baseUrl = draft.baseUrl ?? (isCustom ? await questions.base() : null);
  const model = draft.model ?? (isCustom ? await questions.model() : null);
  const isOptional = mayLackKey({ provider, baseUrl });
  const name = isCustom ? (baseUrl ?? provider) : ask.providers[provider];
  const key = draft.key ?? (await questions.key(isOptional ? ask.keyOptional : ask.key(name), isOptional));
  return { provider, key, baseUrl, model };
}

/** The library is loaded when something is asked. */
async function createQuestions({ texts, interrupt }: CliContext) {
  const { ask } = texts.provision;
  const clack = await import("@clack/prompts");
  const signal = interrupt;
  const answered = <T>(answer: T): Exclude<T, symbol> => {
    if (typeof answer !== "symbol") return answer as Exclude<T, symbol>;
    interrupt.throwIfAborted();
    // The terminal gives Ctrl-C to who asks, and no signal.
    throw new DOMException("SIGINT", "AbortError");
  };
  const isMissing = (text: string | undefined) => (text?.trim() ? undefined : ask.isEmpty);
  return {
    provider: async (): Promise<ProviderName> => {
      const options = (["anthropic", "openai", "custom"] as const).map((value) => ({
        value,
        label: ask.providers[value],
      }));
      return answered(await clack.select<ProviderName>({ message: ask.provider, options, signal }));
    },
    base: async (): Promise<string | null> => {
      const validate = (text: string | undefined) =>
        parseBase(text?.trim() ?? "") === null ? ask.badBase : undefined;
      const text = answered(
        await clack.text({ message: ask.base, placeholder: "http://127.0.0.1:11434/v1", validate, signal }),
      );
      return parseBase(text.trim());
    },
    model: async (): Promise<string> =>
      answered(await clack.text({ message: ask.model, validate: isMissing, signal })).trim(),
    key: async (message: string, isOptional: boolean): Promise<Secret | null> => {
      const validate = isOptional ? undefined : isMissing;
      const text = answered(
        await clack.password({ message, signal, ...(validate === undefined ? {} : { validate }) }),
      );
      return (text ?? "").trim() === "" ? null : new Secret(text.trim());
    },
  };
}
