import { errorCodeOf, readTextIfExists } from "../platform/atomic-file.ts";
import { expandPath } from "../platform/paths.ts";
import { MeshError } from "../protocol/errors.ts";
import { TaskInput } from "../protocol/message.ts";
import type { CliContext } from "./context.ts";
import { lineProblems } from "./line-problems.ts";
import { timesProblem } from "./task-times.ts";

const maxFileMb = 256;
/** Tasks in one file. */
const maxFileTasks = 100_000;

export interface TaskLine {
  /** From 1. */
  readonly line: number;
  readonly input: TaskInput;
}

/** Bad lines that one error names. */
const maxNamedLines = 10;

interface LineDefaults {
  /** What counts where a line does not say otherwise. */
  readonly defaults: Partial<TaskInput>;
  /** The tasks may be there already: their times may be over. */
  readonly isOwnKey: boolean;
}

/**
 * Reads JSON lines, each a task; empty lines do not count. All of them are read before any is used.
 * @throws MeshError USAGE that names the bad lines
 */
export async function readTaskLines(
  context: CliContext,
  file: string,
  defaults: LineDefaults,
): Promise<readonly TaskLine[]> {
  const { tasks } = context.texts;
  const text = await readInput(context, file);
  const lines = text.split(/\r?\n/).map((content, index) => ({ content, line: index + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== "");
  if (filled.length === 0) throw new MeshError("USAGE", tasks.noLines(nameOf(context, file)));
  if (filled.length > maxFileTasks) throw new MeshError("USAGE", tasks.tooManyLines(maxFileTasks));
  const bad: string[] = [];
  const good = filled.flatMap(({ content, line }): readonly TaskLine[] => {
    const parsed = parseLine(context, content, defaults);
    if ("input" in parsed) return [{ line, input: parsed.input }];
    bad.push(tasks.badLine(line, parsed.problem));
    return [];
  });
  if (bad.length === 0) return good;
  const more = bad.length - maxNamedLines;
  const named = [...bad.slice(0, maxNamedLines), ...(more > 0 ? [tasks.moreBadLines(more)] : [])];
  throw new MeshError("USAGE", named.join("\n"), { hint: tasks.badFileHint });
}

function parseLine(
  context: CliContext,
  content: string,
  { defaults, isOwnKey }: LineDefaults,
): { readonly input: TaskInput } | { readonly problem: string } {
  const { texts } = context;
  const value = parseObject(content);
  if (value === null) return { problem: texts.tasks.notJson };
  const input = TaskInput.safeParse({ ...defaults, ...value }, { reportInput: true });
  if (!input.success)
    return { problem: lineProblems(input.error, Object.keys(TaskInput.shape), texts).join("; ") };
  const names = { notBefore: "not_before", expiresAt: "expires_at" };
  const problem = timesProblem(context, { times: input.data, names, isOwnKey });
  return problem === null ? { input: input.data } : { problem };
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
