import type { MeshClient } from "../client/index.ts";
import { issueLines, MeshError } from "../protocol/errors.ts";
import { TaskId } from "../protocol/ids.ts";
import { TaskFilter, type TaskSummary } from "../protocol/task.ts";
import { confirm } from "./confirm.ts";
import type { CliContext } from "./context.ts";

/** Flags that choose tasks, as people write them. */
export interface ChoiceFlags {
  readonly state?: string;
  readonly node?: string;
  readonly group?: string;
  readonly source?: string;
  /** Name or id of a token. */
  readonly subject?: string;
  readonly session?: string;
  readonly label?: readonly (readonly [key: string, value: string])[];
  readonly class?: string;
  readonly since?: string;
  readonly until?: string;
}

/** Tasks that one command changes at most. */
const maxChosenTasks = 100_000;

/** @throws MeshError USAGE when a flag has a value that no task can have */
export function toTaskFilter(flags: ChoiceFlags): TaskFilter {
  const { state, node, group, source, subject, session, label = [], class: classes, since, until } = flags;
  const filter = TaskFilter.safeParse({
    ...(state === undefined ? {} : { state: withoutSpaces(state) }),
    ...(node === undefined ? {} : { node }),
    ...(group === undefined ? {} : { group }),
    ...(source === undefined ? {} : { source }),
    ...(subject === undefined ? {} : { subject }),
    ...(session === undefined ? {} : { session }),
    ...(label.length === 0 ? {} : { label: label.map((pair) => pair.join("=")).join(",") }),
    ...(classes === undefined ? {} : { class: withoutSpaces(classes) }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  });
  if (filter.success) return filter.data;
  throw new MeshError("USAGE", `--${issueLines(filter.error)[0] ?? ""}`);
}

/** @throws MeshError TASK_NOT_FOUND when it is no id of a task at all */
export function parseTaskId({ texts }: CliContext, text: string): TaskId {
  const id = TaskId.safeParse(text);
  if (id.success) return id.data;
  throw new MeshError("TASK_NOT_FOUND", texts.tasks.badId(text), { hint: texts.tasks.badIdHint });
}

interface Choice {
  readonly ids: readonly string[];
  /** What the flags say; undefined: there are none. */
  readonly filter: TaskFilter | undefined;
  /** Beyond the filter: which of the tasks it finds are meant. */
  readonly isMeant?: (task: TaskSummary) => boolean;
  readonly isSure: boolean;
  readonly question: (count: number) => string;
  /** How the flags are called in a message. */
  readonly flagNames: string;
}

/**
 * The ids that were named, or those of the tasks that the flags choose, asked about when they are several.
 * @returns null when nothing is to be done, which was told then
 * @throws MeshError USAGE when neither or both are given, or nobody can be asked
 */
export async function chooseTasks(
  context: CliContext,
  client: MeshClient,
  choice: Choice,
): Promise<readonly TaskId[] | null> {
  const { texts, stderr } = context;
  const { ids, filter } = choice;
  if (ids.length > 0 && filter !== undefined)
    throw new MeshError("USAGE", texts.tasks.idsAndFilter(choice.flagNames));
  if (ids.length > 0) return [...new Set(ids.map((id) => parseTaskId(context, id)))];
  if (filter === undefined) throw new MeshError("USAGE", texts.tasks.noChoice);
  const chosen: TaskId[] = [];
  for await (const task of client.tasks(filter, { signal: context.interrupt })) {
    if (choice.isMeant?.(task) !== false) chosen.push(task.id);
    if (chosen.length > maxChosenTasks) {
      throw new MeshError("USAGE", texts.tasks.tooManyMatches(maxChosenTasks), {
        hint: texts.tasks.tooManyHint,
      });
    }
  }
  const isAgreed = chosen.length <= 1 || choice.isSure || (await ask(context, choice, chosen.length));
  if (!isAgreed) {
    stderr.write(`${texts.tasks.declined}\n`);
    return null;
  }
  // Oldest first, as they came in.
  return chosen.reverse();
}

function ask(context: CliContext, choice: Choice, count: number): Promise<boolean> {
  const { needsYes, needsYesHint } = context.texts.tasks;
  if (!context.stdin.isTerminal) throw new MeshError("USAGE", needsYes(count), { hint: needsYesHint });
  return confirm(context, choice.question(count));
}

function withoutSpaces(list: string): string {
  return list.replace(/\s+/g, "");
}
