import { currentAttempt } from "../../domain/tasks/task-machine.ts";
import { beatIntervalMs } from "../../link/liveness.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { MeshId } from "../../protocol/ids.ts";
import {
  type AttemptRef,
  closeCodes,
  type HelloFrame,
  linkVersion,
  type WelcomeFrame,
} from "../../protocol/link/v1/frames.ts";
import type { JoinActs, Joiner } from "../audit/join-acts.ts";
import type { Grants, Invites } from "../auth/invites.ts";
import { assertNotRevoked } from "../auth/principal.ts";
import { nextDrainOrder } from "../nodes/drain-order.ts";
import type { LinkToNode, MeshNode } from "../nodes/mesh-node.ts";
import type { Admission } from "../nodes/node-admission.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import { type LiveTask, latestTask } from "../tasks/live-task.ts";
import type { TaskEngine } from "../tasks/task-engine.ts";

/** How long an older link of the same node, of another agent process, has to show that it is alive. */
const aliveCheckMs = 1000;

const replacedReason = "a newer link of this node took over";

/** Cap of the nodes' reconnect backoff, by the size of the mesh. */
const smallMeshNodes = 500;
const smallBackoffCapMs = 2000;
const largeBackoffCapMs = 15_000;

export interface GreetingOptions {
  readonly registry: NodeRegistry;
  readonly engine: TaskEngine;
  readonly invites: Pick<Invites, "redeem" | "grant" | "arrived">;
  readonly joins: JoinActs;
  readonly clock: Clock;
  readonly log: Log;
  readonly meshId: MeshId;
  readonly version: string;
}

/** From the hello of a link to the node that it is of. */
export function createNodeGreeting(
  options: GreetingOptions,
  /** The link is this node's now; called before the welcome is sent. */
  onAdmitted: (link: LinkToNode, node: MeshNode, hello: HelloFrame) => void,
): (link: LinkToNode, hello: HelloFrame) => Promise<void> {
  const { registry, engine, invites, joins, clock, log } = options;

  async function greet(link: LinkToNode, hello: HelloFrame): Promise<void> {
    try {
      if (!hello.versions.includes(linkVersion)) {
        throw new MeshError(
          "VERSION_UNSUPPORTED",
          `This coordinator speaks link version ${linkVersion} only.`,
        );
      }
      if (link.principal.nodeId === null) joins.assertRecordable();
      const grants = await redeemInvite(link, hello);
      const holder =
        grants === null ? registry.holderOf(hello, link.principal) : registry.find(grants.nodeId);
      await assertNotHeld(holder, hello);
      // All of this takes time.
      assertNotRevoked(link.principal);
      await welcome(link, hello, grants);
    } catch (error) {
      const known =
        error instanceof MeshError ? error : new MeshError("INTERNAL", "The link could not be opened.");
      log.warn("node not let in", {
        name: hello.name,
        address: link.remoteAddress,
        code: known.code,
        error: String(error),
      });
      joins.refused(joinerOf(link, hello.name), known.code);
      link.close(closeCodeOf(known), closeReasonOf(known));
    }
  }

  /** A second link of the same agent process takes over; of another one, only when the first is dead. */
  async function assertNotHeld(holder: MeshNode | null, hello: HelloFrame): Promise<void> {
    const old = holder?.link ?? null;
    if (holder === null || old === null || !old.isOpen) return;
    if (holder.instance !== hello.instance && (await old.isAlive(aliveCheckMs))) {
      throw new MeshError(
        "NODE_ALREADY_LINKED",
        `Another agent runs node ${holder.name} from ${old.remoteAddress}.`,
      );
    }
    old.close(closeCodes.replaced, replacedReason);
  }

  async function redeemInvite(link: LinkToNode, hello: HelloFrame): Promise<Grants | null> {
    const { principal, remoteAddress: address } = link;
    if (principal.inviteHash === null) return null;
    const { name, instance } = hello;
    return invites.redeem({
      principal,
      name,
      instance,
      address,
      assertNameFree: (own) => {
        if (own !== null) registry.madeWith(own, name, "link");
        registry.assertNameFree(name, own, false);
      },
    });
  }

  async function welcome(link: LinkToNode, hello: HelloFrame, grants: Grants | null): Promise<void> {
    const { principal } = link;
    const place = grants === null ? undefined : { invitedId: grants.nodeId };
    const { node, token, isReturning } = await registry.admit(hello, principal, place);
    // Also for a link that has closed meanwhile: the machine comes again, and is a node by then.
    if (grants !== null) await invites.grant(node, grants);
    if (principal.nodeId !== null) await invites.arrived(node);
    // Those who have a token come back as often as their connection breaks.
    if (token !== null) {
      const { tags = [], groups = [] } = grants ?? {};
      const who = joinerOf(link, node.name);
      const subject = grants?.id ?? principal.subject;
      await joins.joined({ ...who, subject }, { nodeId: node.id, isReturning, tags, groups });
    }
    if (!link.isOpen) return;
    // Another dial of this node may have been let in while this one was being recorded.
    if (node.link !== link) node.link?.close(closeCodes.replaced, replacedReason);
    onAdmitted(link, node, hello);
    // Before it counts as online: what it runs already must not be offered to it anew.
    for (const { task, attempt } of [...hello.running, ...hello.unacknowledged]) {
      const live = engine.find(task);
      if (live !== null) engine.adopt(live, node, { attempt, runtimes: hello.runtimes });
    }
    link.send(toWelcome(node, { token, isReturning }));
    registry.setOnline(node, link, hello);
    const isDraining = hello.draining === true;
    const order = nextDrainOrder(node, { isDraining, nowMs: clock.monotonicMs() });
    if (order !== null) link.send(order);
    log.info(`node ${isReturning ? "returned" : "registered"}: ${node.id} (${node.name})`, {
      address: link.remoteAddress,
    });
    reconcile(node, link, hello);
  }

  function toWelcome(node: MeshNode, { token, isReturning }: Omit<Admission, "node">): WelcomeFrame {
    return {
      type: "welcome",
      version: linkVersion,
      mesh_id: options.meshId,
      node_id: node.id,
      name: node.name as HelloFrame["name"],
      ...(token === null ? {} : { token: token.reveal() }),
      software: options.version,
      returning: isReturning,
      beat_ms: beatIntervalMs(registry.nodes.length),
      backoff_cap_ms: registry.nodes.length <= smallMeshNodes ? smallBackoffCapMs : largeBackoffCapMs,
      resume: engine.onNode(node.id).flatMap((live) => {
        const attempt = currentAttempt(latestTask(live));
        return attempt === null
          ? []
          : [{ task: live.id, attempt: attempt.number, offset: live.preview.length() }];
      }),
    };
  }

  /** Brings what the node runs and what the tasks say together. Attempts the node has not heard of it reports as lost. */
  function reconcile(node: MeshNode, link: LinkToNode, hello: HelloFrame): void {
    for (const { task, attempt, runtime } of hello.running) {
      const live = findCurrent(node, { task, attempt });
      if (live !== null) engine.resume(live, runtime);
      else link.send({ type: "cancel", task, attempt, reason: "superseded" });
    }
    // Their outcomes follow; a long answer may take longer than the grace that runs.
    for (const ref of hello.unacknowledged) {
      const live = findCurrent(node, ref);
      if (live !== null) engine.resume(live);
    }
  }

  /** The task whose current attempt this is, on this node. */
  function findCurrent(node: MeshNode, { task, attempt }: AttemptRef): LiveTask | null {
    const live = engine.find(task);
    const current = live === null ? null : currentAttempt(latestTask(live));
    return current?.number === attempt && current.nodeId === node.id ? live : null;
  }

  return greet;
}

function joinerOf({ principal, remoteAddress }: LinkToNode, name: string): Joiner {
  const { subject, scopes } = principal;
  return { subject, address: remoteAddress, name, isAdmin: scopes.has("admin") };
}

/** That an invite is one for another name is not to be guessed; the node knows what the bare codes mean. */
function closeReasonOf({ code, message, details }: MeshError): string {
  return code === "INVITE_INVALID" && details !== undefined ? `${code}: ${message}` : code;
}

function closeCodeOf(error: MeshError): number {
  switch (error.code) {
    case "NODE_ALREADY_LINKED":
    case "NAME_TAKEN":
      return closeCodes.alreadyLinked;
    case "VERSION_UNSUPPORTED":
      return closeCodes.versionMismatch;
    case "INVITE_INVALID":
    case "TOKEN_INVALID":
    case "SCOPE_MISSING":
      return closeCodes.notAllowed;
    default:
      return closeCodes.goingAway;
  }
}
