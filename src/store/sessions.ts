import type { RuntimeKind } from "../protocol/capability.ts";
import type { NodeId } from "../protocol/ids.ts";

/** Which node holds a conversation, and in which of its runtimes. */
export interface StoredBinding {
  readonly nodeId: NodeId;
  readonly boundAtMs: number;
  readonly lastUsedAtMs: number;
  /** null: not known, as of those bound before it was kept. */
  readonly runtime: RuntimeKind | null;
}

/** A binding is forgotten when it was not used for so long. */
export const bindingTtlMs = 30 * 24 * 3600 * 1000;

/** Beyond so many, the longest unused are forgotten. */
export const maxBindings = 100_000;

/** Bindings are kept for {@link bindingTtlMs} after their last use, and at most {@link maxBindings} of them. */
export interface SessionStore {
  /** All bindings, the longest unused first, for the start. */
  readonly list: () => Promise<
    readonly (StoredBinding & { readonly subject: string; readonly session: string })[]
  >;
  readonly bind: (subject: string, session: string, binding: StoredBinding) => Promise<void>;
}
