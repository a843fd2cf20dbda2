import type { Catalogue } from "../../locale/index.ts";
import type { BulkAnswer } from "../../protocol/http/contract.ts";
import { toSafeLine } from "./safe-text.ts";

export type BulkKind = "cancel" | "retry" | "discard";

/** One line for each task, and the counts. */
export function renderBulk(kind: BulkKind, { done, failed }: BulkAnswer, { tasks }: Catalogue): string {
  if (done.length + failed.length === 0) return tasks.noMatch;
  return [
    ...done.map(({ id, retried_as }) => doneLine(kind, { id, retriedAs: retried_as ?? null }, tasks)),
    ...failed.map(({ id, error, code }) => tasks.bulkFailure(id, toSafeLine(error), toSafeLine(code))),
    tasks.bulkSummary[kind](done.length, failed.length),
  ].join("\n");
}

function doneLine(
  kind: BulkKind,
  { id, retriedAs }: { readonly id: string; readonly retriedAs: string | null },
  tasks: Catalogue["tasks"],
): string {
  switch (kind) {
    case "cancel":
      return tasks.cancelAsked(id);
    case "retry":
      return tasks.retriedAs(id, retriedAs ?? "?");
    case "discard":
      return tasks.discardedLine(id);
  }
}
