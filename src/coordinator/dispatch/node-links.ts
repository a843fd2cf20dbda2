import { currentAttempt } from "../../domain/tasks/task-machine.ts";
import type { LinkServerHandlers } from "../../link/coordinator-link.ts";
import { createRateGate } from "../../platform/rate-gate.ts";
import { toAttemptKey } from "../../protocol/ids.ts";
import {
  type CoordinatorFrame,
  closeCodes,
  type HelloFrame,
  type NodeFrame,
  type StatusFrame,
} from "../../protocol/link/v1/frames.ts";
import type { Principal } from "../auth/principal.ts";
import type { LinkToNode, MeshNode } from "../nodes/mesh-node.ts";
import { latestTask } from "../tasks/live-task.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import { createNodeGreeting, type GreetingOptions } from "./node-greeting.ts";

/** Links that one node may open at once, and the time after which it may open one more. */
export const joinBurst = 10;
const joinIntervalMs = 1_000;

/** Nodes whose links are counted. */
const maxJoiners = 20_000;

interface NodeLinksOptions extends GreetingOptions {
  readonly reports: AttemptReports;
}

export interface NodeLinks extends LinkServerHandlers<Principal> {
  /** Resolves when all goodbyes that came are stored, and told. */
  readonly untilLeft: () => Promise<void>;
}

/** What the coordinator does with its links: lets nodes in, keeps the registry true, takes reports to the engine. */
export function createNodeLinks(options: NodeLinksOptions): NodeLinks {
  const { registry, engine, reports, log } = options;
  const nodeOf = new WeakMap<LinkToNode, MeshNode>();
  const leaving = new Set<Promise<void>>();
  const greet = createNodeGreeting(options, (link, node, hello) => {
    nodeOf.set(link, node);
    reports.expect(node, link, hello);
  });
  const joins = createRateGate({
    burst: joinBurst,
    everyMs: joinIntervalMs,
    maxKeys: maxJoiners,
    clock: options.clock,
  });

  /** Each welcome is written down: a node that comes and goes without end is sent away before that. */
  function takeHello(link: LinkToNode, hello: HelloFrame): void {
    const { nodeId, inviteHash } = link.principal;
    // Whoever has an admin's token is nobody to be kept away, and of an invite many may come at once.
    const joiner = nodeId ?? (inviteHash === null ? null : `${inviteHash} ${hello.instance}`);
    if (joiner === null || joins.take(joiner)) void greet(link, hello);
    else link.close(closeCodes.goingAway, "TOO_MANY_REQUESTS");
  }

  function onFrames(link: LinkToNode, frames: readonly NodeFrame[]): void {
    for (const frame of frames) {
      if (frame.type === "hello") {
        takeHello(link, frame);
        continue;
      }
      const node = nodeOf.get(link);
      // Before the welcome a node has nothing to say, and a link that was replaced has no node any more.
      if (node?.link === link) onFrame(node, link, frame);
    }
  }

  function onFrame(node: MeshNode, link: LinkToNode, frame: Exclude<NodeFrame, HelloFrame>): void {
    switch (frame.type) {
      case "status":
        registry.setStatus(node, frame);
        takeRecovering(node, frame);
        return;
      case "capabilities":
        registry.setCapabilities(node, frame.capabilities).catch((error: unknown) => {
          log.warn("capabilities not stored", { node: node.id, error: String(error) });
        });
        return;
      case "goodbye":
        takeGoodbye(node, link, frame.reason);
        return;
      case "pong":
        return;
      default:
        reports.take(node, link, frame);
    }
  }

  function takeRecovering(node: MeshNode, { recovering }: StatusFrame): void {
    if (recovering.length === 0 && !node.hasRecovering) return;
    node.hasRecovering = recovering.length > 0;
    const away = new Set(recovering.map(({ task, attempt }) => toAttemptKey(task, attempt)));
    for (const live of engine.onNode(node.id)) {
      const attempt = currentAttempt(latestTask(live));
      if (attempt !== null) engine.setRecovering(live, away.has(toAttemptKey(live.id, attempt.number)));
    }
  }

  function takeGoodbye(node: MeshNode, link: LinkToNode, reason: string): void {
    const left = leave(node, link, reason).finally(() => leaving.delete(left));
    leaving.add(left);
  }

  async function leave(node: MeshNode, link: LinkToNode, reason: string): Promise<void> {
    log.info(`node deregistered: ${node.id}`, { name: node.name, reason });
    try {
      await registry.hide(node, false);
    } catch (error) {
      log.warn("goodbye not stored", { node: node.id, error: String(error) });
    }
    link.close(closeCodes.done, "goodbye");
  }

  function onClosed(
    link: LinkToNode,
    why: { readonly code: number; readonly reason: string },
    unsent: readonly CoordinatorFrame[],
  ): void {
    const node = nodeOf.get(link);
    if (node === undefined || node.link !== link) return;
    registry.setOffline(node, why.reason);
    log.info(`node offline: ${node.id} (${node.name})`, { code: why.code, reason: why.reason });
    const isGoneForGood = node.record.isRemoved;
    const unwritten = new Set(unsent.flatMap((frame) => (frame.type === "offer" ? [frame.task] : [])));
    for (const live of engine.onNode(node.id)) {
      const attempt = currentAttempt(latestTask(live));
      if (attempt === null) continue;
      if (unwritten.has(live.id)) {
        const reason = "The link to the node closed before the message was written to it.";
        void engine.report(live, {
          kind: "lost",
          attempt: attempt.number,
          started: false,
          fenced: true,
          reason,
        });
      } else if (isGoneForGood) {
        const reason = "The node was removed from the mesh while it worked on the message.";
        void engine.report(live, {
          kind: "lost",
          attempt: attempt.number,
          started: true,
          fenced: false,
          reason,
        });
      } else {
        void engine.report(live, { kind: "link_lost", attempt: attempt.number });
      }
    }
  }

  const untilLeft = async () => {
    await Promise.all(leaving);
  };

  return { onFrames, onClosed, untilLeft };
}
