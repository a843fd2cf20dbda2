import { currentAttempt } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { SafeFetch } from "../../platform/safe-fetch.ts";
import type { DirectNode as DirectNodeInfo } from "../../protocol/direct.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { NodeStatus } from "../../protocol/node.ts";
import type { AttemptReports } from "../dispatch/attempt-reports.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { TaskEngine } from "../tasks/task-engine.ts";
import { createAnswerReading } from "./answer-reading.ts";
import { createCallBudget } from "./call-budget.ts";
import { createDirectNode, type DirectNode, type DirectNodeState, readTarget } from "./direct-node.ts";
import { createEndpointProbes, mayBeHealthy } from "./endpoint-probe.ts";
import { newHealth } from "./node-health.ts";

export interface DirectNodesOptions {
  readonly registry: NodeRegistry;
  readonly engine: Pick<TaskEngine, "onNode" | "report" | "resume">;
  readonly reports: Pick<AttemptReports, "take">;
  readonly events: MeshEventEmitter;
  readonly safeFetch: SafeFetch;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** All nodes with a direct endpoint, watched and called. */
export interface DirectNodes {
  /** A node has registered, again or for the first time: it is online from now on. */
  readonly take: (node: MeshNode, state: DirectNodeState) => void;
  readonly heartbeat: (node: MeshNode, status: NodeStatus, told: DirectNodeInfo | null) => void;
  /** Whether somebody answers at the endpoint of its record now, whatever is said of the node. */
  readonly answers: (node: MeshNode, limitMs: number) => Promise<boolean>;
  /** What is kept of a node beside its record; null: nothing. */
  readonly stateOf: (id: NodeId) => DirectNodeState | null;
  /** Looks at once for the nodes of a former process. */
  readonly start: () => void;
  /** Ends all calls and probes. The tasks stay as they are: the next process takes them up. */
  readonly stop: () => void;
}

export function createDirectNodes(options: DirectNodesOptions): DirectNodes {
  const { registry, engine, events, clock, log } = options;
  const nodes = new Map<NodeId, DirectNode>();
  const budget = createCallBudget();
  const reading = createAnswerReading();
  const probes = createEndpointProbes({ safeFetch: options.safeFetch, budget });

  function watch(node: MeshNode, state: DirectNodeState, isHere: boolean): DirectNode | null {
    const target = readTarget(node);
    if (target === null) {
      log.warn("a direct node has no endpoint that can be called", { node: node.id });
      return null;
    }
    const health = newHealth(clock.monotonicMs(), isHere);
    const direct = createDirectNode({
      ...options,
      budget,
      reading,
      probes,
      node,
      state,
      target,
      health,
      onGone: () => nodes.get(node.id) === direct && nodes.delete(node.id),
    });
    nodes.set(node.id, direct);
    return direct;
  }

  // Also one that was offline, and so had no link to close.
  events.on("node.left", ({ nodeId, isRemoved }) => {
    const direct = nodes.get(nodeId);
    nodes.delete(nodeId);
    direct?.leave(isRemoved);
  });

  // A link of the same node, which has made way, has closed.
  events.on("node.offline", ({ nodeId }) => nodes.get(nodeId)?.look());

  return {
    take: (node, state) => {
      const known = nodes.get(node.id);
      const target = readTarget(node);
      if (known?.isOpen() === true && target !== null) known.takeAgain(target, state);
      else watch(node, state, true)?.start();
    },
    heartbeat: (node, status, told) => {
      nodes.get(node.id)?.heartbeat(status, told);
    },
    answers: async (node, limitMs) => {
      const target = readTarget(node);
      return target !== null && mayBeHealthy(await probes.ask(target, limitMs));
    },
    stateOf: (id) => nodes.get(id)?.state() ?? null,
    start: () => {
      for (const node of registry.nodes) {
        if (node.record.transport !== "direct" || node.record.hiddenAtMs !== null) continue;
        const direct = watch(node, { told: null, instance: options.ids.instance() }, false);
        // The calls of the former process ended with it, and nobody else reports their outcome.
        for (const live of engine.onNode(node.id)) {
          const attempt = currentAttempt(live.task);
          if (attempt === null) continue;
          const reason = "The coordinator was restarted while the node worked on the message.";
          const { number } = attempt;
          void engine.report(live, { kind: "lost", attempt: number, started: true, fenced: false, reason });
        }
        direct?.start();
      }
    },
    stop: () => {
      for (const direct of nodes.values()) direct.stop();
      nodes.clear();
    },
  };
}
