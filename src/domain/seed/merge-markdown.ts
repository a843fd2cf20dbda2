/** Stands before what was added; a text that has it gets no second one. */
export const addedHeading = "## From the coordinator";
const addedNote = "<!-- added by claw-mesh join --sync-config -->";

interface Section {
  /** The line with its number signs; "" for what stands before the first. */
  readonly heading: string;
  readonly blocks: readonly string[];
}

/**
 * The text with what only the other one has behind it, under a heading of its own; null when there is nothing new. What is
 * there stays as it is, byte for byte. A second time nothing is new.
 */
export function mergeMarkdown(own: string, other: string): string | null {
  const { sections, openFence } = toSections(own);
  const known = new Set(sections.flatMap(({ heading, blocks }) => [keyOf(heading), ...blocks.map(keyOf)]));
  const added = toSections(other)
    .sections.map(({ heading, blocks }) => ({
      heading,
      blocks: blocks.filter((block) => !known.has(keyOf(block))),
    }))
    .filter(({ heading, blocks }) => blocks.length > 0 || (heading !== "" && !known.has(keyOf(heading))))
    .flatMap(({ heading, blocks }) => (heading === "" ? blocks : [heading, ...blocks]));
  if (added.length === 0) return null;
  const end = openFence === null ? "" : `\n${openFence}`;
  const start = own.trim() === "" ? "" : `${own.trimEnd()}${end}\n\n`;
  const marks = own.includes(addedNote) ? [] : [addedHeading, addedNote];
  return `${start}${[...marks, ...added].join("\n\n")}\n`;
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
    } else if (/^#{1,6} /.test(line)) {
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

function keyOf(block: string): string {
  return block.replace(/\s+/g, " ").trim();
}
