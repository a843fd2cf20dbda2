import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { TokenId } from "../../protocol/ids.ts";
import { StoreClosedError } from "../../store/store-closed.ts";
import type { TokenRecord, TokenStore } from "../../store/tokens.ts";

/** Uses are told to the minute, and stored together this long after the first that is not stored yet. */
const minuteMs = 60_000;
export const saveUsesAfterMs = 10_000;

type LastUse = Pick<TokenRecord, "lastUsedAtMs" | "lastUsedFrom">;

/** When and from where each token was last used. A call costs a look into a map. */
export interface TokenUses {
  /** @param address asked only when the use is one to tell */
  readonly note: (id: TokenId, address: () => string) => void;
  /** The newest that is known, stored or not. */
  readonly lastOf: (record: TokenRecord) => LastUse;
  /** It is not listed any more. */
  readonly forget: (id: TokenId) => void;
  /** Stores what is not stored yet; a failure is logged. */
  readonly flush: () => Promise<void>;
}

interface TokenUsesOptions {
  readonly store: Pick<TokenStore, "saveUses">;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
}

export function createTokenUses({ store, clock, log }: TokenUsesOptions): TokenUses {
  const last = new Map<TokenId, { readonly atMs: number; readonly from: string }>();
  const unsaved = new Set<TokenId>();
  let cancelFlush: CancelTimer | null = null;

  async function flush(): Promise<void> {
    cancelFlush?.();
    cancelFlush = null;
    const uses = [...unsaved].flatMap((id) => {
      const use = last.get(id);
      return use === undefined ? [] : [{ id, ...use }];
    });
    unsaved.clear();
    if (uses.length === 0) return;
    try {
      await store.saveUses(uses);
    } catch (error) {
      if (!(error instanceof StoreClosedError))
        log.warn("last uses of tokens not stored", { error: String(error) });
    }
  }

  return {
    note: (id, address) => {
      const nowMs = clock.nowMs();
      const before = last.get(id);
      if (before !== undefined && nowMs - before.atMs < minuteMs && nowMs >= before.atMs) return;
      last.set(id, { atMs: nowMs - (nowMs % minuteMs), from: address() });
      unsaved.add(id);
      cancelFlush ??= clock.after(saveUsesAfterMs, () => void flush(), { unref: true });
    },
    lastOf: (record) => {
      const use = last.get(record.id);
      if (use === undefined) return { lastUsedAtMs: record.lastUsedAtMs, lastUsedFrom: record.lastUsedFrom };
      return { lastUsedAtMs: use.atMs, lastUsedFrom: use.from };
    },
    forget: (id) => {
      last.delete(id);
      unsaved.delete(id);
    },
    flush,
  };
}
