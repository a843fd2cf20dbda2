/** The little of Markdown that tests of the documentation read. */

export function withoutCode(text: string): string {
  return text.replaceAll(/^```(\S*)\n([\s\S]*?)^```$/gm, "");
}

export interface Heading {
  readonly level: number;
  readonly text: string;
  /** As GitHub makes it. */
  readonly anchor: string;
}

export function markdownHeadings(text: string): readonly Heading[] {
  return [...withoutCode(text).matchAll(/^(#+) (.+)$/gm)].map(([, marks = "", title = ""]) => ({
    level: marks.length,
    text: title,
    anchor: toAnchor(title),
  }));
}

/** Targets of all links outside of code, in order. */
export function markdownLinks(text: string): readonly string[] {
  const prose = withoutCode(text).replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, " "));
  return [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(([, target = ""]) => target);
}

function toAnchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}
