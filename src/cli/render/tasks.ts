import type { Catalogue } from "../../locale/index.ts";
import { fromIsoTime } from "../../platform/clock.ts";
import type { Output } from "../../platform/terminal.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { TaskState, TaskSummary } from "../../protocol/task.ts";
import { coarseText } from "./durations.ts";
import { type Colour, createPaint } from "./paint.ts";
import { toSafeLine } from "./safe-text.ts";
import { type Cell, type Column, cutAtWord, renderTable } from "./table.ts";

interface TaskTableOptions {
  readonly texts: Catalogue;
  readonly output: Output;
  readonly nowMs: number;
}

/** Cells from which on a line has room for why a task waits and for its message. */
const wideFrom = 120;

const indent = "  ";

/**
 * The table of tasks. Ids are never cut: they are what the next command needs. Where there is no room for all, why a task
 * waits or failed and the beginning of its message stand on a line of their own.
 */
export function renderTasks(tasks: readonly TaskSummary[], options: TaskTableOptions): string {
  const { output, texts } = options;
  const own = ownColumns(options);
  if (output.columns >= wideFrom) return renderTable([...own, ...reasonColumns(texts)], tasks, output);
  const [header = "", ...lines] = renderTable(own, tasks, output).trimEnd().split("\n");
  const paint = createPaint(output);
  const below = tasks.map((task) =>
    paint("dim", indent + cutAtWord(reasonLine(task), Math.max(1, output.columns - indent.length))),
  );
  return `${[header, ...lines.flatMap((line, index) => [line, below[index] ?? ""])].join("\n")}\n`;
}

/** What a task is. */
function ownColumns({ texts, nowMs }: TaskTableOptions): readonly Column<TaskSummary>[] {
  const { columns } = texts.tasks;
  return [
    { header: columns.id, cell: (task) => ({ text: task.id }) },
    { header: columns.state, cell: (task) => stateCell(task, texts), minWidth: 9 },
    {
      header: columns.age,
      cell: (task) => ({ text: coarseText(nowMs - fromIsoTime(task.created_at)) }),
      dropOrder: 4,
    },
    {
      header: columns.node,
      cell: (task) => ({ text: task.node_name ?? task.target ?? texts.table.none }),
      minWidth: 8,
      dropOrder: 3,
    },
    { header: columns.attempts, cell: (task) => ({ text: String(task.attempt_count) }), dropOrder: 2 },
  ];
}

function reasonColumns(texts: Catalogue): readonly Column<TaskSummary>[] {
  const { columns } = texts.tasks;
  return [
    { header: columns.why, cell: (task) => ({ text: whyText(task) ?? texts.table.none }), minWidth: 24 },
    { header: columns.message, cell: (task) => ({ text: task.content_preview }), minWidth: 10, dropOrder: 6 },
  ];
}

/** `runtime_error (quota) · Build the app` */
function reasonLine(task: TaskSummary): string {
  const why = whyText(task);
  const parts = [...(why === null ? [] : [why]), task.content_preview];
  return parts.map(toSafeLine).join(" · ");
}

const stateColours: Readonly<Record<TaskState, Colour | undefined>> = {
  queued: "yellow",
  running: "cyan",
  succeeded: "green",
  failed: "red",
  cancelled: "dim",
  expired: "red",
};

/** `failed, run again` */
export function stateText(
  task: Pick<TaskSummary, "state" | "cancel_requested" | "retried_as" | "discarded_at" | "untrusted">,
  texts: Catalogue,
): string {
  const { states, cancelling, retried, discarded, untrusted } = texts.tasks;
  const isOpen = task.state === "queued" || task.state === "running";
  return [
    states[task.state],
    ...(isOpen && task.cancel_requested ? [cancelling] : []),
    ...(task.retried_as === null ? [] : [retried]),
    ...(task.discarded_at === null ? [] : [discarded]),
    ...(task.untrusted ? [untrusted] : []),
  ].join(", ");
}

export function stateColour(state: TaskState): Colour | undefined {
  return stateColours[state];
}

/** `runtime_error (quota)` */
export function failureName({ class: failureClass, kind }: Failure): string {
  return kind === undefined ? failureClass : `${failureClass} (${kind})`;
}

function stateCell(task: TaskSummary, texts: Catalogue): Cell {
  const colour = stateColours[task.state];
  return { text: stateText(task, texts), ...(colour === undefined ? {} : { colour }) };
}

/** null: it waits for nothing, and has not failed. */
function whyText({ failure, waiting_for }: TaskSummary): string | null {
  return failure === null ? waiting_for : failureName(failure);
}
