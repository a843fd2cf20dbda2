import type { Catalogue } from "../../locale/index.ts";
import { fromIsoTime } from "../../platform/clock.ts";
import type { Output } from "../../platform/terminal.ts";
import { printRequirements } from "../../protocol/requirement-text.ts";
import type { AttemptInfo, TaskInfo, TimelineEntry } from "../../protocol/task.ts";
import { durationText } from "./durations.ts";
import { createPaint, type Paint } from "./paint.ts";
import { toSafeLine, toSafeText } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import { failureName, stateColour, stateText } from "./tasks.ts";

/** A task in full: what it is, what it waits for or came to, and its history. */
export function renderTask(task: TaskInfo, texts: Catalogue, output: Output): string {
  const paint = createPaint(output);
  const { detail } = texts.tasks;
  const colour = stateColour(task.state);
  const state = stateText(task, texts);
  const sections: (readonly [title: string, body: string])[] = [
    [detail.message, toSafeText(task.content)],
    [detail.timeline, renderTimeline(task.timeline, texts)],
  ];
  if (task.attempts.length > 0)
    sections.push([detail.attempts, renderAttempts(task.attempts, texts, output)]);
  const reason = reasonOf(task, texts);
  if (reason !== null) {
    const hints = reason.hints.map((hint) => `${paint("dim", texts.errors.hint)} ${hint}`);
    sections.push([reason.title, [reason.text, ...hints].join("\n")]);
  }
  if (task.response !== null) sections.push([detail.answer, toSafeText(task.response)]);
  return [
    `${paint("bold", task.id)} ${colour === undefined ? state : paint(colour, state)}`,
    renderFacts(task, texts, paint),
    ...sections.map(([title, body]) => `\n${paint("bold", title)}\n${body.trimEnd()}`),
    "",
  ].join("\n");
}

interface Reason {
  readonly title: string;
  readonly text: string;
  readonly hints: readonly string[];
}

/** Why there is no answer, and what can be done; null: there is one, or there may be yet, or nobody wanted it. */
function reasonOf(task: TaskInfo, texts: Catalogue): Reason | null {
  const { detail, expiredText, failureHints, followRetryHint, retryHint, editHint } = texts.tasks;
  const { id, failure, retried_as, discarded_at } = task;
  const again = retried_as === null ? [retryHint(id)] : [followRetryHint(retried_as)];
  if (failure !== null) {
    const isDeadLetter = task.state === "failed" && retried_as === null && discarded_at === null;
    return {
      title: detail.failure,
      text: `${failureName(failure)}: ${toSafeLine(failure.message)}`,
      hints: [failureHints[failure.class], ...again, ...(isDeadLetter ? [editHint(id)] : [])],
    };
  }
  if (task.state !== "expired") return null;
  return { title: detail.expired, text: expiredText(task.attempt_count), hints: again };
}

function renderFacts(task: TaskInfo, texts: Catalogue, paint: Paint): string {
  const { detail } = texts.tasks;
  const { retry } = task;
  const rows: readonly (readonly [label: string, value: string | null])[] = [
    [detail.waitsFor, task.waiting_for],
    [detail.accepted, task.created_at],
    [detail.ended, endText(task, texts)],
    [detail.target, task.target],
    [detail.requires, printRequirements(task.requires)],
    [detail.source, task.source],
    [detail.from, task.from_address],
    [detail.session, task.session],
    [detail.labels, labelsText(task)],
    [detail.effects, task.effects],
    [detail.priority, String(task.priority)],
    [detail.timeout, detail.seconds(task.timeout_s)],
    [detail.retry, detail.retryText(retry.max_attempts, retry.on.join(", "))],
    [detail.notBefore, task.not_before],
    [detail.expiresAt, task.expires_at],
    [detail.retryOf, task.retry_of],
    [detail.retriedAs, task.retried_as],
  ];
  const shown = rows.flatMap(([label, value]) => (value === null || value === "" ? [] : [{ label, value }]));
  const width = Math.max(...shown.map(({ label }) => Bun.stringWidth(label)));
  return shown
    .map(
      ({ label, value }) =>
        `  ${paint("dim", label)}${" ".repeat(width - Bun.stringWidth(label))} ${toSafeLine(value)}`,
    )
    .join("\n");
}

function endText({ ended_at, created_at }: TaskInfo, texts: Catalogue): string | null {
  if (ended_at === null) return null;
  const took = durationText(fromIsoTime(ended_at) - fromIsoTime(created_at));
  return `${ended_at} (${texts.tasks.detail.took(took)})`;
}

function labelsText({ labels }: TaskInfo): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}

/** `  2026-11-22T16:00:00.000Z  offered: attempt 1 on mac-mini` */
function renderTimeline(entries: readonly TimelineEntry[], texts: Catalogue): string {
  return entries
    .map(({ at, what, attempt, node_name, detail }) => {
      const where =
        attempt === undefined ? "" : `: ${texts.tasks.onNode(attempt, node_name ?? texts.table.none)}`;
      const said = detail === undefined ? "" : ` (${detail})`;
      return `  ${at}  ${toSafeLine(`${texts.tasks.timeline[what]}${where}${said}`)}`;
    })
    .join("\n");
}

function renderAttempts(attempts: readonly AttemptInfo[], texts: Catalogue, output: Output): string {
  const { attemptColumns: columns, detail } = texts.tasks;
  const table = renderTable<AttemptInfo>(
    [
      { header: columns.attempt, cell: ({ attempt }) => ({ text: String(attempt) }) },
      { header: columns.node, cell: ({ node_name }) => ({ text: node_name }), minWidth: 8 },
      {
        header: columns.runtime,
        cell: ({ runtime }) => ({ text: runtime ?? texts.table.none }),
        dropOrder: 3,
      },
      { header: columns.state, cell: ({ state }) => ({ text: state }) },
      { header: columns.offered, cell: ({ offered_at }) => ({ text: offered_at }), dropOrder: 1 },
      { header: columns.duration, cell: (attempt) => ({ text: tookText(attempt, texts) }), dropOrder: 2 },
      {
        header: columns.failure,
        cell: ({ failure, late_result }) => ({
          text: late_result ? detail.late : failure === null ? texts.table.none : failureName(failure),
        }),
        minWidth: 8,
      },
    ],
    attempts,
    { hasColour: output.hasColour, columns: output.columns - 2 },
  );
  return table
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}

function tookText({ started_at, offered_at, ended_at }: AttemptInfo, texts: Catalogue): string {
  if (ended_at === null) return texts.table.none;
  return durationText(fromIsoTime(ended_at) - fromIsoTime(started_at ?? offered_at));
}
