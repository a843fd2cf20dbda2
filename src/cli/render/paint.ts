import type { Output } from "../../platform/terminal.ts";

export type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const codes: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export type Paint = (colour: Colour, text: string) => string;

/** Colours text for an output that has colours, and leaves it alone for others. */
export function createPaint(output: Pick<Output, "hasColour">): Paint {
  if (!output.hasColour) return (_, text) => text;
  return (colour, text) => `\u001b[${codes[colour][0]}m${text}\u001b[${codes[colour][1]}m`;
}
