import type { Catalogue } from "../locale/index.ts";

/** What the commands' definitions need to write their help. */
export interface HelpText {
  readonly texts: Catalogue;
  readonly docs: (command: {
    readonly brief: string;
    readonly full?: string;
    readonly examples?: readonly string[];
  }) => { readonly brief: string; readonly fullDescription: string };
}

/** Cells of a line of help at most, and on outputs without a width. */
const maxHelpWidth = 100;

/** Help is wrapped to the terminal and ends with examples and the flags of every command. */
export function createHelpText(texts: Catalogue, columns: number): HelpText {
  const width = Math.min(columns, maxHelpWidth);
  const { help } = texts;
  const flagWidth = Math.max(...help.globals.map(([flag]) => flag.length));
  const globals = help.globals.map(([flag, brief]) => `  ${flag.padEnd(flagWidth)}  ${brief}`);
  return {
    texts,
    docs: ({ brief, full, examples = [] }) => {
      const sections = [
        Bun.wrapAnsi(full ?? brief, width),
        ...(examples.length === 0
          ? []
          : [[help.examples, ...examples.map((line) => `  ${line}`)].join("\n")]),
        [help.globalFlags, ...globals].join("\n"),
      ];
      return { brief, fullDescription: sections.join("\n\n") };
    },
  };
}
