import type { Clock } from "../../platform/clock.ts";
import type { RuntimeProbe } from "../runtime.ts";
import type { GatewayConnection } from "./connection.ts";
import { ask } from "./gateway.ts";
import { Lanes } from "./gateway-schemas.ts";
import { waitConnected } from "./wait-connected.ts";

/** Together they stay below the 3 s that a probe may take. */
const connectWaitMs = 1_200;
const lanesWaitMs = 1_600;

/** The lane that runs of people and programs share; others are the gateway's own. */
const mainLane = "main";

/** Version, readiness and load of the gateway, by its own figures: other users' runs count. */
export async function probeGateway(connection: GatewayConnection, clock: Clock): Promise<RuntimeProbe> {
  const gateway = await waitConnected(connection, {
    clock,
    withinMs: connectWaitMs,
    isHopeless: () => true,
  });
  if (gateway === null) {
    const state = connection.state();
    const problem = state.kind === "connecting" ? state.problem : null;
    const closed = state.kind === "closed" ? "the node agent is stopping" : null;
    return notReady(problem?.message ?? closed ?? "the OpenClaw gateway did not answer in time", null);
  }
  const answer = await ask(connection, {
    method: "diagnostics.lanes",
    params: {},
    answer: Lanes,
    timeoutMs: lanesWaitMs,
  });
  const lane = answer?.lanes.find(({ lane }) => lane === mainLane);
  if (lane === undefined) return notReady("the OpenClaw gateway does not tell its load", gateway.version);
  if (lane.draining === true) return notReady("the OpenClaw gateway is stopping", gateway.version);
  return {
    status: {
      kind: "openclaw",
      version: gateway.version.slice(0, 128),
      ready: true,
      reason: null,
      active: lane.activeCount,
      queued: lane.queuedCount,
    },
    slots: lane.maxConcurrent ?? null,
  };
}

function notReady(reason: string, version: string | null): RuntimeProbe {
  return {
    status: { kind: "openclaw", version, ready: false, reason, active: null, queued: null },
    slots: null,
  };
}
