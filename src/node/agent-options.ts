import type { MeshFetch } from "../client/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { Trust } from "../platform/tls/trust.ts";
import type { Capabilities, RuntimeKind } from "../protocol/capability.ts";
import type { MeshError } from "../protocol/errors.ts";
import type { RuntimeStatus } from "../protocol/node.ts";
import type { Secret } from "../protocol/secret.ts";
import type { SupervisedGateway } from "../provision/supervised-gateway.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import type { JoinedAccess } from "./seed/sync-seed.ts";

/** Time that running work has to finish when the agent stops. */
export const defaultStopLimitMs = 30_000;

/** What happens to the agent's place in the mesh, for people who wait. */
export type NodeAgentStatus =
  /** The coordinator cannot be reached; tries go on. */
  | { readonly state: "unreachable"; readonly error: MeshError }
  /** No credential opens the link any more; tries go on, slowly. */
  | { readonly state: "refused"; readonly error: MeshError }
  | {
      readonly state: "linked";
      readonly nodeId: string;
      readonly name: string;
      readonly isReturning: boolean;
    }
  | { readonly state: "down"; readonly reason: string }
  | { readonly state: "stopping"; readonly running: number };

export interface NodeAgentOptions {
  /** `http://host:9180` */
  readonly coordinatorUrl: string;
  /** An admin token, or this node's own from elsewhere; null: none was given. */
  readonly token: Secret | null;
  /** Code of an invite; null: none was given. */
  readonly invite: Secret | null;
  readonly name: string;
  /** Attempts at once on the whole node; null: the sum of its runtimes' own. */
  readonly slots: number | null;
  readonly dataDir: string;
  /** In the order of preference, each kind once. The agent closes them when it ends. */
  readonly runtimes: readonly Runtime[];
  /** Attempts at once on single runtimes, where the operator set them; default: nowhere. */
  readonly slotsOf?: ReadonlyMap<RuntimeKind, number>;
  /** Gateways of these runtimes that are kept alive; the agent ends them with itself, and who starts it when the start fails. Default: none. */
  readonly supervised?: readonly SupervisedGateway[] | undefined;
  /** Limit of one run; the smaller of it and the task's wins. null: only the task's. */
  readonly maxRunMs: number | null;
  readonly probeCapabilities: () => Promise<Capabilities>;
  /** Version of this software. */
  readonly version: string;
  readonly fetch: MeshFetch;
  readonly proxyUrl: string | null;
  /** Pin of the coordinator's key, from the invite; default null: none came with it. */
  readonly pin?: string | null;
  /** Authorities that the coordinator's certificate may come from; default null: what an earlier join kept, else the system's. */
  readonly trust?: Trust | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Log;
  readonly onStatus?: ((status: NodeAgentStatus) => void) | undefined;
  /** Done once, after the first welcome, while the node already works; must not reject. */
  readonly afterJoin?: ((access: JoinedAccess) => Promise<void>) | undefined;
  /** Ends the wait for the first welcome; the start then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Default {@link defaultStopLimitMs}. */
  readonly stopLimitMs?: number | undefined;
}

interface SelfTest {
  readonly reached: boolean;
  readonly authenticated: boolean;
  readonly runtimes: RuntimeStatus[];
  readonly slots: number;
  readonly nodeId: string;
}

export interface RunningNodeAgent {
  readonly selfTest: SelfTest;
  /** As the coordinator gave it; a classic one has shorter ids than ours. */
  readonly nodeId: string;
  /** As the coordinator has it. */
  readonly name: string;
  /** Takes no new work, finishes what runs, says goodbye. Resolves when all is closed; may be called again. */
  readonly stop: (reason?: string) => Promise<void>;
  /**
   * Resolves when the agent has ended: stopped, drained (error null), or told by the coordinator not to come back
   * (replaced, removed, another agent has the node, no common version). Never rejects.
   */
  readonly done: Promise<{ readonly reason: string; readonly error: MeshError | null }>;
}
