/** Stand round what came from a coordinator: all between them, and nothing else, is its. */
export const beginMark = "<!-- claw-mesh: begin of what the coordinator gave (join --sync-config) -->";
export const endMark = "<!-- claw-mesh: end of what the coordinator gave -->";

/** Where there are other words already. */
export const addedHeading = "## From the coordinator";

/** Headings of the seed go this much deeper, below {@link addedHeading}. */
const demotion = "##";
const deepestHeading = 6;

interface Section {
  /** The line with its number signs; "" for what stands before the first. */
  readonly heading: string;
  readonly blocks: readonly string[];
}

/**
 * The text with what only the other one has, between {@link beginMark} and {@link endMark}; null when there is nothing new.
 * What is there stays as it is, byte for byte. More of it later goes between the same marks, and a second time nothing is new.
 */
export function mergeMarkdown(own: string, other: string): string | null {
  const { sections, openFence } = toSections(own);
  const known = new Set(sections.flatMap(({ heading, blocks }) => [keyOf(heading), ...blocks.map(keyOf)]));
  const added = toSections(withoutMarks(other))
    .sections.map(({ heading, blocks }) => ({
      heading,
      blocks: blocks.filter((block) => !known.has(keyOf(block))),
    }))
    .filter(({ heading, blocks }) => blocks.length > 0 || (heading !== "" && !known.has(keyOf(heading))));
  if (added.length === 0) return null;
  const marked = findMarked(own);
  // A file that holds nothing else keeps its headings.
  const isBelow = marked === null ? own.trim() !== "" : marked.text.includes(`\n${addedHeading}\n`);
  const parts = added.flatMap(({ heading, blocks }) =>
    heading === "" ? blocks : [isBelow ? demoted(heading) : heading, ...blocks],
  );
  // A comment without an end would hide what comes behind it.
  if (hasOpenComment(parts.join("\n"))) parts.push("-->");
  if (marked !== null) {
    const before = own.slice(0, marked.endAt).trimEnd();
    return `${before}\n\n${parts.join("\n\n")}\n\n${own.slice(marked.endAt)}`;
  }
  const fence = openFence === null ? "" : `\n${openFence}`;
  const comment = hasOpenComment(own) ? "\n\n-->" : "";
  const start = own.trim() === "" ? "" : `${own.trimEnd()}${fence}${comment}\n\n`;
  const heading = isBelow ? [addedHeading] : [];
  return `${start}${[beginMark, ...heading, ...parts, endMark].join("\n\n")}\n`;
}

/** The last part between two marks; null when there is none, or a person has taken a mark away. */
function findMarked(own: string): { readonly text: string; readonly endAt: number } | null {
  const endAt = own.lastIndexOf(`\n${endMark}`) + 1;
  const beginAt = endAt === 0 ? -1 : own.lastIndexOf(beginMark, endAt);
  if (beginAt === -1 || own.indexOf(beginMark, beginAt + 1) !== -1) return null;
  // Inside of code they are an example of somebody.
  return toSections(own.slice(0, endAt)).openFence === null
    ? { text: own.slice(beginAt, endAt), endAt }
    : null;
}

/** A seed cannot say that what follows is somebody else's. */
function withoutMarks(text: string): string {
  return text
    .split("\n")
    .filter((line) => !/claw-mesh:\s*(?:begin|end)\s+of/i.test(line))
    .join("\n");
}

function demoted(heading: string): string {
  const deeper = `${demotion}${heading}`;
  return deeper.replace(/^#+/, (signs) => signs.slice(0, deepestHeading));
}

function hasOpenComment(text: string): boolean {
  return text.lastIndexOf("<!--") > text.lastIndexOf("-->");
}

/** Sections by their headings, with paragraphs, lists and fenced code as whole blocks. */
function toSections(text: string): {
  readonly sections: readonly Section[];
  readonly openFence: string | null;
} {
  const sections: { heading: string; blocks: string[] }[] = [{ heading: "", blocks: [] }];
  let lines: string[] = [];
  let fence: string | null = null;
  const endBlock = () => {
    if (lines.length > 0) sections.at(-1)?.blocks.push(lines.join("\n"));
    lines = [];
  };
  for (const line of text.replaceAll("\r\n", "\n").split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== null) {
      lines.push(line);
      if (mark?.startsWith(fence) === true) fence = null;
    } else if (mark !== undefined) {
      lines.push(line);
      fence = mark;
    } else if (/^#{1,6} +\S/.test(line)) {
      endBlock();
      sections.push({ heading: line.trimEnd(), blocks: [] });
    } else if (line.trim() === "") endBlock();
    else lines.push(line.trimEnd());
  }
  // Code that does not end would swallow what comes behind it.
  if (fence !== null) lines.push(fence);
  endBlock();
  return { sections, openFence: fence };
}

/** Headings are the same at whatever level. */
function keyOf(block: string): string {
  return block
    .replace(/^#{1,6} /, "# ")
    .replace(/\s+/g, " ")
    .trim();
}
