/**
 * What a test may ask of the fake provider, written into the message itself between double brackets:
 *
 * - `[[sleep 500]]`: wait so many milliseconds before the first byte
 * - `[[chunks 5 100]]`: five pieces, 100 ms apart, `part1 part2 …` before the usual answer
 * - `[[status 500]]`: answer with this HTTP status and an OpenAI-style error
 * - `[[hang]]`: never answer
 * - `[[hold]]`: keep the answer back, but not the pieces of `[[chunks]]`, until the test calls `release`
 * - `[[drop before]]`, `[[drop after]]`: cut the connection before or after the first piece
 * - `[[tool echo hi]]`: ask for the shell command `echo hi` first, then answer with what it printed
 * - `[[then 500]]`: answer with this HTTP status after the tool has run
 * - `[[recall]]`: answer with the earlier messages of the conversation
 * - `[[size 9000000]]`: an answer of so many characters
 * - `[[runs 鹭4095 _20 x3]]`: an answer of so many of each character, one after the other; `_` is a blank line
 */
export interface Directives {
  readonly sleepMs: number;
  readonly chunks: { readonly count: number; readonly gapMs: number } | null;
  readonly status: number | null;
  readonly hangs: boolean;
  readonly holds: boolean;
  readonly drop: "before" | "after" | null;
  readonly tool: string | null;
  readonly statusAfterTool: number | null;
  readonly recalls: boolean;
  readonly size: number | null;
  readonly runs: string | null;
}

const directivePattern = /\[\[([a-z]+)((?:\s[^\]]*)?)\]\]/g;

/** The message without its directives: the name under which the provider counts. */
export function toTaskText(message: string): string {
  return message.replace(directivePattern, "").replace(/\s+/g, " ").trim();
}

export function parseDirectives(message: string): Directives {
  const found = new Map<string, string>();
  for (const [, name, rest] of message.matchAll(directivePattern)) found.set(name ?? "", (rest ?? "").trim());
  const chunks = found.get("chunks")?.split(/\s+/).map(Number);
  const drop = found.get("drop");
  const status = found.get("status");
  const size = found.get("size");
  const statusAfterTool = found.get("then");
  const runs = found.get("runs");
  return {
    sleepMs: Number(found.get("sleep") ?? 0),
    chunks: chunks === undefined ? null : { count: chunks[0] ?? 1, gapMs: chunks[1] ?? 0 },
    status: status === undefined ? null : Number(status),
    hangs: found.has("hang"),
    holds: found.has("hold"),
    drop: drop === "before" || drop === "after" ? drop : null,
    tool: found.get("tool") ?? null,
    statusAfterTool: statusAfterTool === undefined ? null : Number(statusAfterTool),
    recalls: found.has("recall"),
    size: size === undefined ? null : Number(size),
    runs: runs === undefined ? null : expandRuns(runs),
  };
}

function expandRuns(runs: string): string {
  return runs
    .split(/\s+/)
    .map((run) => {
      const [character = ""] = run;
      return (character === "_" ? "\n" : character).repeat(Number(run.slice(character.length)));
    })
    .join("");
}
