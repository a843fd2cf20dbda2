/** The variables of a `.env` file: `NAME=value` lines, with `export`, quotes and comments as shells have them. */
export function parseDotEnv(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match === null) continue;
    const [, name = "", raw = ""] = match;
    const quoted = /^(["'])(.*)\1$/.exec(raw);
    entries.set(name, quoted?.[2] ?? raw.replace(/\s+#.*$/, ""));
  }
  return entries;
}
