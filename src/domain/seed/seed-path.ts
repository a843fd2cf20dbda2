import { hasHiddenText } from "./hidden-text.ts";

/** Files of a workspace that are offered and taken over, beside those of `memory/`. */
export const seedNames: readonly string[] = ["SOUL.md", "IDENTITY.md", "AGENTS.md", "MEMORY.md"];

/** `2026-11-02.md`, `2026-11-02-mac.md`, `项目.md`: nothing hidden, and nothing that a shell or a system reads otherwise. */
const memoryName = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,119}\.md$/u;

/** Names that Windows gives to devices, whatever follows them behind a dot. */
const reservedName = /^(?:con|prn|aux|nul|clock\$|com\d|lpt\d)(?:\.|$)/i;

/** Folder and name of a file that a seed may hold; null for any other path, however it is written. */
export function parseSeedPath(
  path: string,
): { readonly folder: "" | "memory"; readonly name: string } | null {
  if (seedNames.includes(path)) return { folder: "", name: path };
  const [folder, name, ...more] = path.split("/");
  if (folder !== "memory" || name === undefined || more.length > 0) return null;
  if (name.normalize("NFC") !== name || name.includes("..") || / \.|\. /.test(name)) return null;
  if (hasHiddenText(name)) return null;
  return memoryName.test(name) && !reservedName.test(name) ? { folder: "memory", name } : null;
}

/** The same for two paths that are one file on some system: without regard to case and to how letters are put together. */
export function seedPathKey(path: string): string {
  return path.normalize("NFKC").toLowerCase();
}
