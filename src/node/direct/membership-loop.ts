import { type Clock, delay } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { directHeartbeatMs } from "../../protocol/direct.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeStatus } from "../../protocol/node.ts";
import { distinctSecrets, type Secret } from "../../protocol/secret.ts";
import type { CoordinatorCalls, Place, Registration } from "./coordinator-calls.ts";

/** Heartbeats in a row that may fail before the node registers again. */
export const maxFailedHeartbeats = 5;

/** Pause before another registration; it doubles with every failure. */
export const firstRegisterPauseMs = 5_000;
export const maxRegisterPauseMs = 120_000;

export interface MembershipLoopDeps {
  readonly calls: CoordinatorCalls;
  /** Tried in this order; the node's own token first. */
  readonly credentials: () => readonly Secret[];
  readonly registration: () => Registration;
  readonly status: () => NodeStatus;
  readonly onRegistered: (place: Place, isFirst: boolean) => Promise<void>;
  readonly onUnreachable: (error: MeshError) => void;
  /** Whether the coordinator is the one that the node has joined, and so knows that it does not know the node. */
  readonly isSameMesh: () => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Errors that no repeat will change. */
const finalCodes: ReadonlySet<string> = new Set([
  "TOKEN_INVALID",
  "TOKEN_MISSING",
  "SCOPE_MISSING",
  "INVITE_INVALID",
  "NAME_TAKEN",
  "ENDPOINT_REFUSED",
  "BODY_INVALID",
]);

/** A direct node's place in its mesh: registered, kept by heartbeats, and taken again when it was lost. */
export interface MembershipLoop {
  /** Resolves when it is registered; throws what no repeat will change, and the signal's reason. */
  readonly register: () => Promise<void>;
  /** Beats until the signal; rejects with TOKEN_INVALID when the coordinator has removed the node. */
  readonly run: () => Promise<void>;
  readonly beat: () => Promise<void>;
  readonly place: () => Place | null;
  /** The same, but not in the middle of a registration: the coordinator may call before its answer is read. */
  readonly settledPlace: () => Promise<Place | null>;
}

export function createMembershipLoop(deps: MembershipLoopDeps): MembershipLoop {
  const { calls, clock, log, signal } = deps;
  let place: Place | null = null;
  let registering: Promise<unknown> = Promise.resolve();

  async function registerOnce(): Promise<void> {
    let refusal: MeshError | null = null;
    for (const credential of distinctSecrets([
      ...(place === null ? [] : [place.token]),
      ...deps.credentials(),
    ])) {
      try {
        const found = await calls.register(credential, deps.registration());
        const isFirst = place === null;
        place = found;
        await deps.onRegistered(found, isFirst);
        return;
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
        refusal = error;
        const isAboutCredential = ["TOKEN_INVALID", "SCOPE_MISSING", "INVITE_INVALID"].includes(error.code);
        if (!isAboutCredential) throw error;
      }
    }
    throw refusal ?? new MeshError("TOKEN_MISSING", "nothing was given to join the mesh with");
  }

  /** `isFinal`: gives up where a repeat would change nothing; a node that was a member goes on trying. */
  async function register(isFinal: boolean): Promise<void> {
    for (let pauseMs = firstRegisterPauseMs; ; pauseMs = Math.min(maxRegisterPauseMs, pauseMs * 2)) {
      signal.throwIfAborted();
      try {
        const once = registerOnce();
        registering = Promise.allSettled([once]);
        await once;
        return;
      } catch (error) {
        if (!(error instanceof MeshError) || (isFinal && finalCodes.has(error.code))) throw error;
        if (isFinal) deps.onUnreachable(error);
        else log.warn("cannot register again; trying again", { code: error.code, reason: error.message });
      }
      await delay(clock, pauseMs, signal);
    }
  }

  async function beat(): Promise<void> {
    if (place !== null) await calls.heartbeat(place, deps.status(), deps.registration().told);
  }

  /** @returns whether the node has to register again at once */
  async function isForgotten(error: MeshError): Promise<boolean> {
    if (error.code === "NODE_NOT_FOUND" || error.code === "ROUTE_NOT_FOUND") return true;
    if (error.code !== "TOKEN_INVALID") return false;
    if (!(await deps.isSameMesh())) return true;
    throw new MeshError("TOKEN_INVALID", "The coordinator does not know this node's token any more.", {
      hint: "If the node was removed by mistake, join again.",
      cause: error,
    });
  }

  return {
    register: () => register(true),
    beat,
    place: () => place,
    settledPlace: async () => {
      await registering;
      return place;
    },
    run: async () => {
      let failures = 0;
      while ((await delay(clock, directHeartbeatMs, signal)) === "elapsed") {
        try {
          await beat();
          failures = 0;
        } catch (error) {
          if (!(error instanceof MeshError)) throw error;
          failures += 1;
          log.warn("heartbeat failed", { failures, code: error.code });
          if (failures < maxFailedHeartbeats && !(await isForgotten(error))) continue;
          await register(false);
          failures = 0;
        }
      }
    },
  };
}
