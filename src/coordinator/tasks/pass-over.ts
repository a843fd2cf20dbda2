import { conversationOwner } from "../../domain/tasks/task.ts";
import type { Router } from "../routing/router.ts";
import type { LiveTask } from "./live-task.ts";

/**
 * The newest attempt never ran on its node: the node is not asked again, unless its link was to blame, and a conversation
 * that was bound to it for this message is not kept there. `neighbours`: the tasks on that node.
 */
export function passOver(one: LiveTask, neighbours: Iterable<LiveTask>, router: Router): void {
  const { attempts, message } = one.task;
  const last = attempts.at(-1);
  if (last === undefined) return;
  const losses = attempts.filter(({ nodeId, state }) => nodeId === last.nodeId && state === "lost").length;
  if (last.state === "refused" || losses > 1) one.passedOver.add(last.nodeId);
  const hasRun = last.failure?.class === "lost_after_start";
  if (one.hasBoundSession && !hasRun && !isConversing(one, neighbours)) router.unbind(message, last.nodeId);
  one.hasBoundSession = false;
}

/** Whether another message of the same conversation is on the same node. */
function isConversing(one: LiveTask, neighbours: Iterable<LiveTask>): boolean {
  const { session } = one.task.message;
  const owner = conversationOwner(one.task.message);
  for (const { id, task } of neighbours) {
    const { message } = task;
    if (id !== one.id && message.session === session && conversationOwner(message) === owner) return true;
  }
  return false;
}
