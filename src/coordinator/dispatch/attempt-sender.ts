import { conversationOwner } from "../../domain/tasks/task.ts";
import type { Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { OfferFrame } from "../../protocol/link/v1/frames.ts";
import type { AttemptSender } from "../tasks/attempt-sender.ts";
import type { LiveTask } from "../tasks/live-task.ts";
import { endsAtMs } from "../tasks/task-timers.ts";

/** Length of a session key on the wire: half a SHA-256. */
const sessionKeyLength = 32;

/** Writes attempts to the links of their nodes. */
export function createAttemptSender(clock: Clock): AttemptSender {
  return {
    offer: (live, attempt) => {
      const link = live.node?.link;
      if (link === null || link === undefined || !link.isOpen) return false;
      link.send(toOffer(live, attempt.number, clock.nowMs()));
      return true;
    },
    stop: (node, task, attempt, reason) => node.link?.send({ type: "cancel", task, attempt, reason }),
  };
}

function toOffer(live: LiveTask, attempt: number, nowMs: number): OfferFrame {
  const { message } = live.task;
  return {
    type: "offer",
    task: message.id,
    attempt,
    content: message.content,
    source: message.source,
    effects: message.effects,
    timeout_ms: Math.max(1, (endsAtMs(live.task) ?? nowMs + message.timeoutMs) - nowMs),
    ...(message.session === null
      ? {}
      : { session: { key: sessionKey(conversationOwner(message), message.session), name: message.session } }),
    ...(Object.keys(message.labels).length === 0 ? {} : { labels: message.labels }),
    ...(message.isUntrusted ? { untrusted: true as const } : {}),
    ...runtimeOf(live),
  };
}

/** Both ends give it to the same one, or a runtime would count as free here that is full there. */
function runtimeOf({
  wantedRuntime,
  runtime,
  node,
  task,
}: LiveTask): Pick<OfferFrame, "runtime" | "prefers"> {
  if (wantedRuntime !== null) return { runtime: wantedRuntime };
  const isCounted = (node?.freeRuntimes ?? null) !== null && task.message.session === null;
  return isCounted && runtime !== null ? { prefers: runtime } : {};
}

/** Differs between the owners of equal session names, and tells a node neither. */
function sessionKey(owner: string, session: string): string {
  return sha256Hex(`${owner}\n${session}`).slice(0, sessionKeyLength);
}
