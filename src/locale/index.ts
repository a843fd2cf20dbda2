import { type Catalogue, en } from "./en.ts";

export type { Catalogue } from "./en.ts";

/** All languages there are, by the code that LANG begins with. */
const catalogues: Readonly<Record<string, Catalogue>> = { en };

/**
 * The texts for the language of the environment: LC_ALL, else LC_MESSAGES, else LANG. English where there is no
 * catalogue. Logs and wire are always English.
 */
export function loadTexts(env: Readonly<Record<string, string | undefined>>): Catalogue {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((value) => value !== undefined && value !== "");
  const tag = (locale ?? "en").split(".")[0]?.replace("_", "-") ?? "en";
  return find(tag) ?? find(tag.split("-")[0] ?? "en") ?? en;
}

/** Only what is listed: LANG may be any word, such as one that every object has. */
function find(tag: string): Catalogue | undefined {
  return Object.hasOwn(catalogues, tag) ? catalogues[tag] : undefined;
}
