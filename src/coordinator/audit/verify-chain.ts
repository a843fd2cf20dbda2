import { beginCheck, checkPage, toVerdict } from "../../domain/audit/chain-check.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { nextLoopTurn } from "../../platform/loop-turn.ts";
import type { AuditVerdict } from "../../protocol/audit.ts";
import type { AuditStore } from "../../store/audit.ts";

/** Entries that are checked before others have the event loop: about 3 ms. */
const pageEntries = 200;

export interface ChainQuestion {
  /** Hashes that must be in the chain. */
  readonly heads: readonly string[];
  readonly signal: AbortSignal;
}

/** Reads the whole chain in pieces, up to the first entry that does not fit. */
export async function verifyChain(
  store: Pick<AuditStore, "read">,
  { heads, signal }: ChainQuestion,
): Promise<AuditVerdict> {
  let check = beginCheck(heads);
  let fromSeq = 0;
  while (!signal.aborted && check.broken === null) {
    const page = await store.read(fromSeq, pageEntries);
    const last = page.at(-1);
    if (last === undefined) break;
    check = checkPage(check, page, sha256Hex);
    fromSeq = last.seq + 1;
    await nextLoopTurn();
  }
  return toVerdict(check);
}
