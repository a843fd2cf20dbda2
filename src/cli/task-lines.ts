import { errorCodeOf, readTextIfExists } from "../platform/atomic-file.ts";
import { expandPath } from "../platform/paths.ts";
import { issueLines, MeshError } from "../protocol/errors.ts";
import { TaskInput } from "../protocol/message.ts";
import type { CliContext } from "./context.ts";

const maxFileMb = 256;
/** Tasks in one file. */
const maxFileTasks = 100_000;

export interface TaskLine {
  /** From 1. */
  readonly line: number;
  readonly input: TaskInput;
}

/**
 * Reads JSON lines, each a task; empty lines do not count. All of them are read before any is used.
 * @param defaults what counts where a line does not say otherwise
 * @throws MeshError USAGE that names the first bad line
 */
export async function readTaskLines(
  context: CliContext,
  file: string,
  defaults: Partial<TaskInput>,
): Promise<readonly TaskLine[]> {
  const { tasks } = context.texts;
  const text = await readInput(context, file);
  const lines = text.split(/\r?\n/).map((content, index) => ({ content, line: index + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== "");
  if (filled.length === 0) throw new MeshError("USAGE", tasks.noLines(nameOf(context, file)));
  if (filled.length > maxFileTasks) throw new MeshError("USAGE", tasks.tooManyLines(maxFileTasks));
  return filled.map(({ content, line }) => ({
    line,
    input: parseLine(context, content, { line, defaults }),
  }));
}

function parseLine(
  { texts }: CliContext,
  content: string,
  { line, defaults }: { readonly line: number; readonly defaults: Partial<TaskInput> },
): TaskInput {
  const fail = (problem: string) =>
    new MeshError("USAGE", texts.tasks.badLine(line, problem), { hint: texts.tasks.badFileHint });
  const value = parseObject(content);
  if (value === null) throw fail(texts.tasks.notJson);
  const input = TaskInput.safeParse({ ...defaults, ...value });
  if (!input.success) throw fail(issueLines(input.error).join("; "));
  return input.data;
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

async function readInput(context: CliContext, file: string): Promise<string> {
  const tooLarge = () => new MeshError("BODY_TOO_LARGE", context.texts.tasks.fileTooLarge(maxFileMb));
  if (file !== "-") return readNamedFile(context, file);
  const text = await context.stdin.readText(maxFileMb * 1024 * 1024);
  if (text === null) throw tooLarge();
  return text;
}

/** @throws MeshError USAGE when the file cannot be read */
export async function readNamedFile(context: CliContext, file: string): Promise<string> {
  const { tasks } = context.texts;
  const fail = (code: string, cause?: unknown) =>
    new MeshError("USAGE", tasks.noFile(file, code), { hint: tasks.fileHint, cause });
  let text: string | null;
  try {
    text = await readTextIfExists(expandPath(file, context));
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === null) throw error;
    throw fail(code, error);
  }
  if (text === null) throw fail("ENOENT");
  if (text.length > maxFileMb * 1024 * 1024)
    throw new MeshError("BODY_TOO_LARGE", tasks.fileTooLarge(maxFileMb));
  return text;
}

function nameOf({ texts }: CliContext, file: string): string {
  return file === "-" ? texts.tasks.standardInput : file;
}
