import type { Attempt } from "../../domain/tasks/task.ts";
import type { AttemptNumber, TaskId } from "../../protocol/ids.ts";
import type { CancelFrame } from "../../protocol/link/v1/frames.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { LiveTask } from "./live-task.ts";

/** Writes to the nodes; see dispatch/attempt-sender.ts. */
export interface AttemptSender {
  /** @returns false when the node's link is not open: the attempt was never written */
  readonly offer: (live: LiveTask, attempt: Attempt) => boolean;
  readonly stop: (
    node: MeshNode,
    task: TaskId,
    attempt: AttemptNumber,
    reason: CancelFrame["reason"],
  ) => void;
}
