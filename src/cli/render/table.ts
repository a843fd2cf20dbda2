import type { Output } from "../../platform/terminal.ts";
import { type Colour, createPaint } from "./paint.ts";
import { toSafeLine } from "./safe-text.ts";

export interface Cell {
  readonly text: string;
  readonly colour?: Colour;
}

export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => Cell;
  /** Cells it keeps when the terminal is narrow; absent: it is never cut. */
  readonly minWidth?: number;
  /** Left out when even the narrowest table is too wide; the highest goes first. */
  readonly dropOrder?: number;
}

const gap = "  ";

/** A table as wide as the terminal at most; widths count cells, so Chinese columns stay straight. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  output: Pick<Output, "columns" | "hasColour">,
): string {
  const paint = createPaint(output);
  const { shown, widths } = fitColumns(columns, rows, output.columns);
  const toLine = (cells: readonly Cell[]) =>
    cells
      .map(({ text, colour }, index) => {
        const isLast = index === cells.length - 1;
        const cut = cutToWidth(toSafeLine(text), widths[index] ?? 0);
        const painted = colour === undefined ? cut : paint(colour, cut);
        return isLast
          ? painted
          : painted + " ".repeat(Math.max(0, (widths[index] ?? 0) - Bun.stringWidth(cut)));
      })
      .join(gap)
      .trimEnd();
  const header = toLine(shown.map((column): Cell => ({ text: column.header, colour: "bold" })));
  const body = rows.map((row) => toLine(shown.map((column) => column.cell(row))));
  return `${[header, ...body].join("\n")}\n`;
}

/** The text, or its beginning with an ellipsis, in at most this many cells. */
export function cutToWidth(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let cut = "";
  let used = 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += Bun.stringWidth(segment);
    if (used > width) break;
    cut += segment;
  }
  return `${cut}…`;
}

/** As {@link cutToWidth}, but not in the middle of a word when that costs no more than half of it. */
export function cutAtWord(text: string, width: number): string {
  const cut = cutToWidth(text, width);
  if (cut === text) return text;
  const kept = cut.slice(0, -1);
  const isWhole = /\s/.test(text.charAt(kept.length)) || /\s$/.test(kept);
  const end = isWhole ? kept.length : kept.search(/\s\S*$/);
  const words = end * 2 < kept.length ? kept : kept.slice(0, end);
  return `${words.replace(/[\s,;:(·]+$/u, "")}…`;
}

function fitColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  available: number,
): { readonly shown: readonly Column<Row>[]; readonly widths: readonly number[] } {
  let shown = columns;
  for (;;) {
    const natural = shown.map((column) =>
      Math.max(
        Bun.stringWidth(column.header),
        ...rows.map((row) => Bun.stringWidth(toSafeLine(column.cell(row).text))),
      ),
    );
    const widths = shrink(shown, natural, available);
    if (totalWidth(widths) <= available) return { shown, widths };
    const victim = shown.reduce<Column<Row> | null>(
      (worst, column) =>
        column.dropOrder !== undefined && column.dropOrder > (worst?.dropOrder ?? Number.NEGATIVE_INFINITY)
          ? column
          : worst,
      null,
    );
    if (victim === null) return { shown, widths };
    shown = shown.filter((column) => column !== victim);
  }
}

/** Takes cells from the widest column that has some to give until the line fits. */
function shrink<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  available: number,
): readonly number[] {
  const widths = [...natural];
  while (totalWidth(widths) > available) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const width = widths[index] ?? 0;
      if (column.minWidth === undefined || width <= column.minWidth) continue;
      if (widest === -1 || width > (widths[widest] ?? 0)) widest = index;
    }
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function totalWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + gap.length * Math.max(0, widths.length - 1);
}
