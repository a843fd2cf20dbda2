import type { Catalogue } from "../../locale/index.ts";
import type { Output } from "../../platform/terminal.ts";
import type { NodeInfo, RuntimeStatus } from "../../protocol/node.ts";
import { type Cell, renderTable } from "./table.ts";

interface Options {
  readonly texts: Catalogue;
  readonly output: Output;
}

interface Row {
  readonly node: NodeInfo;
  readonly runtime: RuntimeStatus;
}

/**
 * A line for each runtime of the nodes that have several, or keep a gateway alive; null where there is none: of a single one
 * the table of nodes tells all.
 */
export function renderNodeRuntimes(nodes: readonly NodeInfo[], { texts, output }: Options): string | null {
  const rows = nodes
    .filter(({ status, runtimes }) => status !== "offline" && isWorthALine(runtimes))
    .flatMap((node) => node.runtimes.map((runtime): Row => ({ node, runtime })));
  if (rows.length === 0) return null;
  const { runtimes: columns } = texts.nodes;
  return renderTable<Row>(
    [
      { header: columns.node, cell: ({ node }) => ({ text: node.name }), minWidth: 12 },
      { header: columns.runtime, cell: ({ runtime }) => ({ text: runtime.kind }) },
      {
        header: columns.version,
        cell: ({ runtime }) => ({ text: runtime.version ?? texts.table.none }),
        minWidth: 8,
        dropOrder: 2,
      },
      { header: columns.slots, cell: ({ runtime }) => ({ text: slotsText(runtime, texts) }), dropOrder: 1 },
      { header: columns.gateway, cell: ({ runtime }) => gatewayCell(runtime, texts) },
      { header: columns.state, cell: ({ runtime }) => stateCell(runtime, texts), minWidth: 10 },
    ],
    rows,
    output,
  );
}

function isWorthALine(runtimes: readonly RuntimeStatus[]): boolean {
  return runtimes.length > 1 || runtimes.some(({ supervision }) => supervision !== undefined);
}

/** `1/4`: in use, of how many. */
function slotsText({ slots, in_flight }: RuntimeStatus, texts: Catalogue): string {
  return slots === undefined ? texts.table.none : `${in_flight ?? 0}/${slots}`;
}

const supervisionColours = {
  starting: "yellow",
  running: "green",
  backing_off: "yellow",
  crash_loop: "red",
  stopped: "yellow",
} as const;

function gatewayCell({ supervision }: RuntimeStatus, texts: Catalogue): Cell {
  if (supervision === undefined) return { text: texts.table.none };
  const { state, restarts } = supervision;
  const { supervision: words, restarts: restartsText } = texts.nodes.runtimes;
  const text = restarts === 0 ? words[state] : `${words[state]}, ${restartsText(restarts)}`;
  return { text, colour: supervisionColours[state] };
}

function stateCell({ ready, reason }: RuntimeStatus, texts: Catalogue): Cell {
  if (ready) return { text: texts.nodes.runtimes.ready, colour: "green" };
  const { notReady } = texts.nodes;
  return { text: reason === null ? notReady : `${notReady}: ${reason}`, colour: "yellow" };
}
