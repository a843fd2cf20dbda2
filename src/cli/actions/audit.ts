import type { MeshClient } from "../../client/index.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { AuditEntry, AuditVerdict } from "../../protocol/audit.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { renderAudit, renderVerdict } from "../render/audit.ts";

/** Entries that are listed when no limit is given, and at most. */
const defaultLimit = 50;
const maxLimit = 100_000;

/** Entries of one answer; as many as the coordinator gives. */
const pageEntries = 1_000;

export interface ListAuditFlags {
  readonly limit?: number;
  readonly subject?: string;
  readonly action?: string;
  readonly target?: string;
}

export async function listAudit(this: CliContext, flags: ListAuditFlags): Promise<void> {
  const limit = flags.limit ?? defaultLimit;
  if (limit < 1 || limit > maxLimit) throw new MeshError("USAGE", this.texts.audit.badLimit(maxLimit));
  const { client } = await connect(this);
  const names = await loadNames(client, this.interrupt);
  const { subject, action, target } = flags;
  const idNamed = [...names].find(([, name]) => name.toLowerCase() === subject?.toLowerCase())?.[0];
  const filter = {
    ...(subject === undefined ? {} : { subject: idNamed ?? subject }),
    ...(action === undefined ? {} : { action }),
    ...(target === undefined ? {} : { target }),
  };
  const { entries, hasMore } = await loadNewest(client, { filter, limit, signal: this.interrupt });
  const table = { texts: this.texts, output: this.stdout, names };
  printResult(this, { entries }, () => renderAudit(entries, table));
  if (hasMore) printNote(this, this.texts.audit.more(entries.length));
}

interface NewestQuestion {
  readonly filter: Readonly<Record<string, string>>;
  readonly limit: number;
  readonly signal: AbortSignal;
}

async function loadNewest(client: MeshClient, { filter, limit, signal }: NewestQuestion) {
  const entries: AuditEntry[] = [];
  let cursor: number | null = null;
  do {
    const query = {
      ...filter,
      limit: Math.min(pageEntries, limit - entries.length),
      ...(cursor === null ? {} : { cursor }),
    };
    const page: { entries: AuditEntry[]; next: number | null } = await client.call(
      contract.listAudit,
      { query },
      { signal },
    );
    entries.push(...page.entries);
    cursor = page.next;
  } while (cursor !== null && entries.length < limit);
  return { entries, hasMore: cursor !== null };
}

/** Names of tokens and nodes, by id: what a revoked token or a removed node was called is not known for ever. */
async function loadNames(client: MeshClient, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const [{ tokens }, nodes] = await Promise.all([
    client.call(contract.listTokens, {}, { signal }),
    client.listNodes({ signal }),
  ]);
  return new Map([...tokens, ...nodes].map(({ id, name }) => [id, name]));
}

export interface VerifyAuditFlags {
  readonly head?: string;
}

/** Sets exit code 1 when something does not fit. */
export async function verifyAudit(this: CliContext, flags: VerifyAuditFlags): Promise<void> {
  const { client } = await connect(this);
  const question = { head: flags.head?.toLowerCase() ?? null, signal: this.interrupt };
  let verdict = await verifyHere(client, question);
  // Old entries may have been deleted while the pages were read.
  if (!verdict.is_intact) verdict = await verifyHere(client, question);
  // The coordinator knows its newest entry by itself; of all others it is not believed.
  if (verdict.is_intact) verdict = await verifyThere(client, question, verdict);
  printResult(this, verdict, () => renderVerdict(verdict, this.texts));
  if (!verdict.is_intact) this.endWith(1);
}

interface VerifyQuestion {
  readonly head: string | null;
  readonly signal: AbortSignal;
}

/** Recomputes the chain on this machine. */
async function verifyHere(client: MeshClient, { head, signal }: VerifyQuestion): Promise<AuditVerdict> {
  const { beginCheck, checkPage, toVerdict } = await import("../../coordinator/index.ts");
  let check = beginCheck(head === null ? [] : [head]);
  let from: number | null = 0;
  while (from !== null && check.broken === null) {
    const page: { entries: AuditEntry[]; next: number | null } = await client.call(
      contract.listAudit,
      { query: { from, limit: pageEntries } },
      { signal },
    );
    check = checkPage(check, page.entries, sha256Hex);
    from = page.entries.length === 0 ? null : page.next;
  }
  return toVerdict(check);
}

async function verifyThere(
  client: MeshClient,
  { head, signal }: VerifyQuestion,
  own: AuditVerdict,
): Promise<AuditVerdict> {
  const query = head === null ? {} : { head };
  // A long chain takes its time.
  const theirs = await client.call(contract.verifyAudit, { query }, { signal, timeoutMs: null });
  return theirs.is_intact ? own : theirs;
}
