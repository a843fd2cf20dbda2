import { parseYaml, printYamlField } from "../config/yaml-fields.ts";
import type { Catalogue } from "../locale/index.ts";
import { issueLines, MeshError } from "../protocol/errors.ts";
import { RetryEdit } from "../protocol/message.ts";
import { parseRequirements, printRequirements } from "../protocol/requirement-text.ts";
import type { TaskInfo } from "../protocol/task.ts";
import { durationSeconds } from "./parsers.ts";
import { toSafeLine } from "./render/safe-text.ts";

/** What may be changed of a task, as its editor shows it. */
interface EditedTask {
  readonly target: string;
  readonly requires: string;
  readonly effects: string;
  readonly priority: number;
  readonly timeout: string;
  readonly message: string;
}

/** Stands before the id in a comment at the beginning of every edited text. */
const editedMark = "claw-mesh dead-letter edit";

const fieldNames = ["target", "requires", "effects", "priority", "timeout", "message"] as const;

/** The text for the editor: YAML, with what is to know as comments. `problem`: why the last one could not be read. */
export function toEditorText(task: TaskInfo, texts: Catalogue, problem: string | null = null): string {
  const { edit } = texts.tasks;
  const fields = toEditedTask(task);
  const comments = [
    `${editedMark} ${task.id}`,
    ...(problem === null ? [] : [edit.problem(problem)]),
    ...edit.intro(task.id),
    ...(task.failure === null ? [] : [edit.failureLine(toSafeLine(task.failure.message))]),
  ];
  const hints: Partial<Record<(typeof fieldNames)[number], string>> = edit;
  const lines = fieldNames.flatMap((name) => {
    const hint = name === "message" ? undefined : hints[name];
    const line = printYamlField(name, fields[name]);
    return [hint === undefined ? line : `${line} # ${hint}`];
  });
  return [...comments.map((line) => `# ${line}`), "", ...lines, ""].join("\n");
}

/** The task that a text for the editor is about; null: it is no such text. */
export function editedTaskId(text: string): string | null {
  const comments = text.split("\n").filter((line) => line.startsWith("# "));
  const mark = comments.find((line) => line.startsWith(`# ${editedMark} `));
  return mark !== undefined && text.startsWith("# ") ? mark.slice(`# ${editedMark} `.length).trim() : null;
}

/** Puts another reason above a text that was written already. */
export function withProblem(text: string, problem: string, texts: Catalogue): string {
  const marker = `# ${texts.tasks.edit.problem("")}`;
  const rest = text.split("\n").filter((line) => !line.startsWith(marker));
  return [`${marker}${problem}`, ...rest].join("\n");
}

/**
 * What was changed.
 * @returns null when the text is empty; an edit without fields when nothing was changed
 * @throws MeshError USAGE that says what is wrong with the text
 */
export function parseEditorText(text: string, task: TaskInfo, texts: Catalogue): RetryEdit | null {
  const value = parseYaml(text);
  if (value === null || value === undefined) return null;
  if (typeof value !== "object" || Array.isArray(value)) throw new MeshError("USAGE", texts.tasks.notJson);
  const unknown = Object.keys(value).find((name) => !fieldNames.some((known) => known === name));
  if (unknown !== undefined) throw new MeshError("USAGE", texts.tasks.edit.unknownField(unknown, fieldNames));
  const before = toEditedTask(task);
  const after = { ...before, ...value } as Readonly<Record<keyof EditedTask, unknown>>;
  const changed = fieldNames.filter((name) => textOf(after[name]) !== textOf(before[name]));
  const edit = RetryEdit.safeParse(
    Object.fromEntries(changed.map((name) => toField(name, after[name], texts))),
  );
  if (!edit.success) throw new MeshError("USAGE", issueLines(edit.error)[0] ?? "");
  return edit.data;
}

function toEditedTask(task: TaskInfo): EditedTask {
  return {
    target: task.target ?? "",
    requires: printRequirements(task.requires),
    effects: task.effects,
    priority: task.priority,
    timeout: `${task.timeout_s}s`,
    message: task.content,
  };
}

/** A field of the text as a field of the call. */
function toField(name: keyof EditedTask, value: unknown, texts: Catalogue): [string, unknown] {
  const text = textOf(value).trim();
  switch (name) {
    case "target":
      return ["target", text === "" ? null : text];
    case "requires":
      return ["requires", text === "" ? {} : parseRequirements(text)];
    case "timeout": {
      const seconds = durationSeconds(text);
      if (seconds === null) throw new MeshError("USAGE", `timeout: "${text}" ${texts.errors.notADuration}`);
      return ["timeout_s", seconds];
    }
    case "message":
      if (text === "") throw new MeshError("USAGE", texts.tasks.edit.empty);
      return ["content", textOf(value)];
    case "effects":
    case "priority":
      return [name, value];
  }
}

/** Line ends at the end do not count: editors add one. */
function textOf(value: unknown): string {
  return value === null || value === undefined ? "" : String(value).replace(/\n+$/, "");
}
