/**
 * How one run at the runtime went. Only `refused` ones did nothing. `aborted`: the caller went away while it ran.
 */
export type ExecutionEnd = "running" | "answered" | "refused" | "failed" | "aborted";

/** One arrival of a task at a runtime: the proof of what was really done. */
export interface Execution {
  readonly node: string;
  /** `<task id>.<attempt>`, as the node agent sent it. */
  readonly attemptKey: string;
  readonly atMs: number;
  end: ExecutionEnd;
}

export interface ExecutionLog {
  readonly add: (index: number, execution: Execution) => void;
  readonly of: (index: number) => readonly Execution[];
  readonly total: () => number;
}

const nothing: readonly Execution[] = [];

/** Kept in memory: some hundred bytes a task. */
export function createExecutionLog(): ExecutionLog {
  const byIndex = new Map<number, Execution[]>();
  let total = 0;
  return {
    add: (index, execution) => {
      total += 1;
      const known = byIndex.get(index);
      if (known === undefined) byIndex.set(index, [execution]);
      else known.push(execution);
    },
    of: (index) => byIndex.get(index) ?? nothing,
    total: () => total,
  };
}
