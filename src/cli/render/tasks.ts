import type { Catalogue } from "../../locale/index.ts";
import { fromIsoTime } from "../../platform/clock.ts";
import type { Output } from "../../platform/terminal.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { TaskState, TaskSummary } from "../../protocol/task.ts";
import { coarseText } from "./durations.ts";
import type { Colour } from "./paint.ts";
import { type Cell, renderTable } from "./table.ts";

interface TaskTableOptions {
  readonly texts: Catalogue;
  readonly output: Output;
  readonly nowMs: number;
}

/** The table of tasks. Ids are never cut: they are what the next command needs. */
export function renderTasks(
  tasks: readonly TaskSummary[],
  { texts, output, nowMs }: TaskTableOptions,
): string {
  const { columns } = texts.tasks;
  return renderTable<TaskSummary>(
    [
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
        dropOrder: 5,
      },
      { header: columns.attempts, cell: (task) => ({ text: String(task.attempt_count) }), dropOrder: 6 },
      {
        header: columns.why,
        cell: (task) => ({ text: whyText(task, texts) }),
        minWidth: 10,
        dropOrder: 3,
      },
      {
        header: columns.message,
        cell: (task) => ({ text: task.content_preview }),
        minWidth: 10,
        dropOrder: 2,
      },
    ],
    tasks,
    output,
  );
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
  task: Pick<TaskSummary, "state" | "cancel_requested" | "retried_as" | "discarded_at">,
  texts: Catalogue,
): string {
  const { states, cancelling, retried, discarded } = texts.tasks;
  const isOpen = task.state === "queued" || task.state === "running";
  return [
    states[task.state],
    ...(isOpen && task.cancel_requested ? [cancelling] : []),
    ...(task.retried_as === null ? [] : [retried]),
    ...(task.discarded_at === null ? [] : [discarded]),
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

function whyText({ failure, waiting_for }: TaskSummary, texts: Catalogue): string {
  if (failure !== null) return failureName(failure);
  return waiting_for ?? texts.table.none;
}
