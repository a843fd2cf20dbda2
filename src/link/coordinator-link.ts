import type { CoordinatorFrame, NodeFrame } from "../protocol/link/v1/frames.ts";

/**
 * The coordinator's end of one link: from an accepted WebSocket to its close. Created by the link server
 * (`link-server.ts`), used by the coordinator's node registry and dispatch.
 */
export interface CoordinatorLink<Principal> {
  /** Who opened it, as the upgrade's token said. */
  readonly principal: Principal;
  /** Remote address, for logs. */
  readonly remoteAddress: string;
  readonly isOpen: boolean;
  /** Monotonic time of the last sign of life. */
  readonly lastSeenMs: number;
  /**
   * Queues a frame; frames go out in order, batched per loop turn, the first at once when the link is idle. Does
   * nothing once the link is closed: what was never written is handed to `onClosed`.
   */
  readonly send: (frame: CoordinatorFrame) => void;
  /** Sends `ping` and resolves whether any frame arrived within the time. */
  readonly isAlive: (withinMs: number) => Promise<boolean>;
  /**
   * A frame had nothing to do with the peer's work; a peer that sends too many of them is closed. `length`: of its text,
   * where a peer in order sends none of any length.
   */
  readonly countUseless: (length: number) => void;
  readonly close: (code: number, reason: string) => void;
}

/** What the coordinator does with its links. Called in order, one link's calls never overlap. */
export interface LinkServerHandlers<Principal> {
  /** All frames of one message but `pong`; the first frame of a link is always `hello`, later ones never are. */
  readonly onFrames: (link: CoordinatorLink<Principal>, frames: readonly NodeFrame[]) => void;
  /** Once per link. `unsent`: frames that were queued and surely never written to the socket. */
  readonly onClosed: (
    link: CoordinatorLink<Principal>,
    why: { readonly code: number; readonly reason: string },
    unsent: readonly CoordinatorFrame[],
  ) => void;
}
