import type { NodeId } from "../protocol/ids.ts";

/** Which node holds a conversation. */
export interface StoredBinding {
  readonly nodeId: NodeId;
  readonly boundAtMs: number;
  readonly lastUsedAtMs: number;
}

/** Bindings are kept for 30 days after their last use, and at most 100,000 of them. */
export interface SessionStore {
  /** All bindings, for the start. */
  readonly list: () => Promise<
    readonly (StoredBinding & { readonly subject: string; readonly session: string })[]
  >;
  readonly bind: (subject: string, session: string, binding: StoredBinding) => Promise<void>;
}
