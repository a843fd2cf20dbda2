import type { Catalogue } from "../../locale/index.ts";
import { fromIsoTime } from "../../platform/clock.ts";
import type { Output } from "../../platform/terminal.ts";
import type { NodeInfo, RuntimeStatus } from "../../protocol/node.ts";
import { coarseText } from "./durations.ts";
import { renderNodeRuntimes } from "./node-runtimes.ts";
import { toSafeLine } from "./safe-text.ts";
import { type Cell, renderTable } from "./table.ts";

interface NodeTableOptions {
  readonly texts: Catalogue;
  readonly output: Output;
  readonly nowMs: number;
}

/** The table of nodes, that of their runtimes where one has several, and a line for each that is not ready, or fails too often. */
export function renderNodes(nodes: readonly NodeInfo[], options: NodeTableOptions): string {
  const { texts, output } = options;
  if (nodes.length === 0) return `${texts.nodes.none}\n`;
  const { columns } = texts.nodes;
  const table = renderTable<NodeInfo>(
    [
      { header: columns.id, cell: (node) => ({ text: node.id }), minWidth: 12, dropOrder: 1 },
      { header: columns.name, cell: (node) => ({ text: node.name }), minWidth: 12 },
      { header: columns.status, cell: (node) => statusCell(node, texts) },
      { header: columns.endpoint, cell: (node) => ({ text: node.endpoint }), minWidth: 8, dropOrder: 4 },
      {
        header: columns.machine,
        cell: (node) => ({ text: `${node.capabilities.os}/${node.capabilities.arch}` }),
        dropOrder: 2,
      },
      {
        header: columns.gpu,
        cell: (node) => ({ text: hasGpu(node) ? texts.table.yes : texts.table.no }),
        dropOrder: 3,
      },
      { header: columns.load, cell: (node) => ({ text: `${node.in_flight}/${node.slots}` }), dropOrder: 6 },
      {
        header: columns.runtime,
        cell: (node) => ({ text: runtimesText(node, texts) }),
        minWidth: 8,
        dropOrder: 5,
      },
      {
        header: columns.skills,
        cell: (node) => ({ text: skillsText(node, texts) }),
        minWidth: 10,
        dropOrder: 7,
      },
    ],
    nodes,
    output,
  );
  const troubles = nodes
    .filter(({ status }) => status !== "offline")
    .flatMap((node) => troublesOf(node, options));
  const runtimes = renderNodeRuntimes(nodes, options);
  const parts = [table, ...(runtimes === null ? [] : [runtimes])];
  return [...parts, ...(troubles.length === 0 ? [] : [`${troubles.join("\n")}\n`])].join("\n");
}

/** Why a node gets no work, or less than it could have. */
function troublesOf(
  { name, ready, reason, breakers, runtimes }: NodeInfo,
  { texts: { nodes }, nowMs }: NodeTableOptions,
): readonly string[] {
  const shownName = toSafeLine(name);
  return [
    ...(ready || reason === null ? [] : [nodes.reason(shownName, toSafeLine(reason))]),
    ...runtimes.flatMap((runtime) => supervisionTrouble(shownName, runtime, nodes)),
    ...breakers.map(({ cause, open_until }) => {
      const waitMs = open_until === null ? 0 : fromIsoTime(open_until) - nowMs;
      // Whole seconds, and never none before the moment has come.
      const next =
        waitMs <= 0 ? nodes.beingTried : nodes.nextTry(coarseText(Math.ceil(waitMs / 1000) * 1000));
      return nodes.failing(shownName, cause, next);
    }),
  ];
}

/** What the one who keeps a gateway alive has to tell; nothing while it runs or starts. */
function supervisionTrouble(
  name: string,
  { kind, supervision }: RuntimeStatus,
  nodes: Catalogue["nodes"],
): readonly string[] {
  const detail = toSafeLine(supervision?.detail ?? "");
  switch (supervision?.state) {
    case "backing_off":
      return [nodes.backingOff(name, kind, detail)];
    case "crash_loop":
      return [nodes.crashLoop(name, kind, detail)];
    case "stopped":
      return [nodes.stoppedGateway(name, kind)];
    default:
      return [];
  }
}

export function countByStatus(nodes: readonly NodeInfo[]): Record<NodeInfo["status"], number> {
  const counts = { online: 0, busy: 0, offline: 0 };
  for (const node of nodes) counts[node.status] += 1;
  return counts;
}

/** `openclaw 2026.9.1` */
export function runtimeText(runtime: RuntimeStatus): string {
  return toSafeLine(runtime.version === null ? runtime.kind : `${runtime.kind} ${runtime.version}`);
}

function statusCell(node: NodeInfo, texts: Catalogue): Cell {
  const words: string[] = [node.status];
  if (node.status !== "offline" && !node.ready) words.push(texts.nodes.notReady);
  if (node.status !== "offline" && node.breakers.length > 0) words.push(texts.nodes.failingWord);
  if (node.scheduling !== "active") words.push(texts.nodes.scheduling[node.scheduling]);
  const colour =
    node.status === "offline" ? "red" : words.length > 1 || node.status === "busy" ? "yellow" : "green";
  return { text: words.join(", "), colour };
}

/** The tag `gpu` counts as having one, as it does for the router. */
function hasGpu({ capabilities }: NodeInfo): boolean {
  return (
    capabilities.gpu ||
    [...capabilities.tags, ...capabilities.skills].some((word) => word.toLowerCase() === "gpu")
  );
}

function runtimesText(node: NodeInfo, texts: Catalogue): string {
  return node.runtimes.map((runtime) => runtime.kind).join(", ") || texts.table.none;
}

function skillsText(node: NodeInfo, texts: Catalogue): string {
  return (
    [...new Set([...node.capabilities.tags, ...node.capabilities.skills])].join(", ") || texts.table.none
  );
}
