import type { EventEmitter } from "../../platform/event-emitter.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { AttemptNumber, NodeId, RuleId, TaskId } from "../../protocol/ids.ts";
import type { TaskState } from "../../protocol/task.ts";

/**
 * All that happens in a coordinator, in the past tense. Emitted after the commit that made it durable. Metrics, audit,
 * the live view and tests listen; nothing else couples the features.
 */
export interface MeshEvents {
  readonly "node.registered": {
    readonly nodeId: NodeId;
    readonly name: string;
    readonly isReturning: boolean;
  };
  readonly "node.online": { readonly nodeId: NodeId; readonly name: string };
  readonly "node.offline": { readonly nodeId: NodeId; readonly name: string; readonly reason: string };
  /** Readiness, scheduling, slots, tags or capabilities changed. */
  readonly "node.changed": { readonly nodeId: NodeId; readonly name: string };
  /** It said goodbye, or an operator removed it. */
  readonly "node.left": {
    readonly nodeId: NodeId;
    readonly name: string;
    readonly isRemoved: boolean;
    /** Of its link; null: it had none. */
    readonly address: string | null;
  };
  /** A slot that a message may have waited for became free; `isRefused`: because the node refused what it was for. */
  readonly "node.freed": { readonly nodeId: NodeId; readonly isRefused: boolean };

  /** It failed too often in one way: work goes elsewhere for a while. `isOpen: false`: it does work again. */
  readonly "breaker.changed": {
    readonly nodeId: NodeId;
    readonly cause: string;
    readonly isOpen: boolean;
  };

  /** A rule keeps a message from being accepted. */
  readonly "message.refused": { readonly ruleId: RuleId | null };
  readonly "task.accepted": { readonly taskId: TaskId };
  readonly "task.waiting": { readonly taskId: TaskId };
  readonly "task.offered": {
    readonly taskId: TaskId;
    readonly attempt: AttemptNumber;
    readonly nodeId: NodeId;
  };
  readonly "task.cancel_requested": { readonly taskId: TaskId };
  /** An ended task runs again as another one. */
  readonly "task.retried": { readonly taskId: TaskId; readonly retriedAs: TaskId };
  /** A dead letter was put aside. */
  readonly "task.discarded": { readonly taskId: TaskId };
  /** Old ended tasks were deleted. */
  readonly "tasks.deleted": { readonly count: number };
  /** An outcome came after its task had moved on; it is in the history only. */
  readonly "attempt.late": {
    readonly taskId: TaskId;
    readonly attempt: AttemptNumber;
    readonly nodeId: NodeId;
  };
  readonly "attempt.ended": {
    readonly taskId: TaskId;
    readonly attempt: AttemptNumber;
    readonly nodeId: NodeId;
    readonly failure: Failure | null;
  };
  readonly "task.ended": {
    readonly taskId: TaskId;
    readonly state: TaskState;
    readonly failure: Failure | null;
  };

  /** A conversation moved to another node because its own can serve no more. */
  readonly "session.moved": { readonly session: string; readonly from: NodeId; readonly to: NodeId };
  readonly "rules.changed": { readonly ruleId: RuleId | null };
  readonly "groups.changed": { readonly name: string };
}

export type MeshEventEmitter = EventEmitter<MeshEvents>;
