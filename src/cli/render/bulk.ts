import type { Catalogue } from "../../locale/index.ts";
import type { BulkAnswer } from "../../protocol/http/contract.ts";
import { toSafeLine } from "./safe-text.ts";

type Done = BulkAnswer["done"][number];

export type BulkKind = "cancel" | "retry" | "discard";

/** One line for each task, and the counts. */
export function renderBulk(kind: BulkKind, { done, failed }: BulkAnswer, { tasks }: Catalogue): string {
  if (done.length + failed.length === 0) return tasks.noMatch;
  return [
    ...done.map((one) => doneLine(kind, one, tasks)),
    ...failed.map(({ id, error, code }) => tasks.bulkFailure(id, toSafeLine(error), toSafeLine(code))),
    kind === "cancel"
      ? cancelSummary(done, failed.length, tasks)
      : tasks.bulkSummary[kind](done.length, failed.length),
  ].join("\n");
}

/** What a cancel came to: a queued task ends at once, a running one later, and one that had ended stays as it was. */
export function cancelOutcome({ state = "running" }: Done): "cancelled" | "asked" | "ended" {
  if (state === "cancelled") return "cancelled";
  return state === "queued" || state === "running" ? "asked" : "ended";
}

function cancelSummary(done: readonly Done[], failed: number, tasks: Catalogue["tasks"]): string {
  const count = (outcome: ReturnType<typeof cancelOutcome>) =>
    done.filter((one) => cancelOutcome(one) === outcome).length;
  const { cancelled, asked, ended, not } = tasks.cancelCounts;
  const counts = [
    [cancelled, count("cancelled")],
    [asked, count("asked")],
    [ended, count("ended")],
    [not, failed],
  ] as const;
  return counts.flatMap(([say, number]) => (number === 0 ? [] : [say(number)])).join(", ");
}

function cancelLine(one: Done, tasks: Catalogue["tasks"]): string {
  const { id, state } = one;
  switch (cancelOutcome(one)) {
    case "cancelled":
      return tasks.cancelled(id);
    case "asked":
      return tasks.cancelRequested(id);
    case "ended":
      return tasks.endedAlready(id, tasks.states[state ?? "succeeded"]);
  }
}

function doneLine(kind: BulkKind, one: Done, tasks: Catalogue["tasks"]): string {
  const { id, retried_as } = one;
  switch (kind) {
    case "cancel":
      return cancelLine(one, tasks);
    case "retry":
      return tasks.retriedAs(id, retried_as ?? "?");
    case "discard":
      return tasks.discardedLine(id);
  }
}
