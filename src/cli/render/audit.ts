import type { Catalogue } from "../../locale/index.ts";
import type { Output } from "../../platform/terminal.ts";
import type { AuditEntry, AuditVerdict } from "../../protocol/audit.ts";
import { toSafeLine } from "./safe-text.ts";
import { type Column, renderTable } from "./table.ts";

interface AuditTable {
  readonly texts: Catalogue;
  readonly output: Output;
  /** Names of tokens and nodes, by id. */
  readonly names: ReadonlyMap<string, string>;
}

export function renderAudit(entries: readonly AuditEntry[], { texts, output, names }: AuditTable): string {
  const { audit, table } = texts;
  if (entries.length === 0) return `${audit.none}\n`;
  const nameOf = (id: string) => names.get(id) ?? id;
  const columns: readonly Column<AuditEntry>[] = [
    { header: audit.columns.time, cell: ({ at }) => ({ text: at.replace(/\.\d+Z$/, "Z") }) },
    { header: audit.columns.who, cell: ({ subject }) => ({ text: nameOf(subject) }), minWidth: 8 },
    {
      header: audit.columns.from,
      cell: ({ address }) => ({ text: address ?? table.none }),
      minWidth: 9,
      dropOrder: 1,
    },
    { header: audit.columns.action, cell: ({ action }) => ({ text: action }), minWidth: 10 },
    {
      header: audit.columns.target,
      cell: ({ target }) => ({ text: target === null ? table.none : nameOf(target) }),
      minWidth: 8,
    },
    {
      header: audit.columns.result,
      cell: (entry) => ({
        text: resultText(entry, texts),
        ...(entry.result === "ok" ? {} : { colour: "yellow" as const }),
      }),
      minWidth: 6,
    },
  ];
  return renderTable(columns, entries, output);
}

function resultText({ result, details }: AuditEntry, { audit }: Catalogue): string {
  return typeof details.count === "number" ? audit.repeated(result, details.count) : result;
}

export function renderVerdict(verdict: AuditVerdict, { audit }: Catalogue): string {
  const { is_intact: isIntact, entries, first_seq: first, last_seq: last, head } = verdict;
  if (!isIntact) {
    return [
      verdict.broken_at === null ? audit.brokenSomewhere : audit.broken(verdict.broken_at),
      audit.reason(toSafeLine(verdict.reason ?? "")),
      audit.sound(entries),
    ].join("\n");
  }
  if (first === null || last === null) return audit.empty;
  return [audit.intact(entries, first, last), audit.head(toSafeLine(head)), audit.noteHead].join("\n");
}
