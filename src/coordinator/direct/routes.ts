import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { isLoopbackHost } from "../../platform/http-fetch.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { createRateGate } from "../../platform/rate-gate.ts";
import { checkHost, parseEndpoint, type ResolveName, systemResolve } from "../../platform/safe-address.ts";
import { plainHttpRisk } from "../../platform/tls/plain-http-risk.ts";
import { type Capabilities, Skill } from "../../protocol/capability.ts";
import { DirectNode, directNodeHeader, fromHeaderJson } from "../../protocol/direct.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { contract } from "../../protocol/http/contract.ts";
import type { Instance } from "../../protocol/ids.ts";
import { closeCodes, type HelloFrame, linkVersion } from "../../protocol/link/v1/frames.ts";
import type { Invites } from "../auth/invites.ts";
import type { Call } from "../http/call.ts";
import type { Handlers } from "../http/http-server.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import { defaultDirectSlots } from "./direct-node.ts";
import type { DirectNodes } from "./direct-nodes.ts";
import { decideMove } from "./endpoint-move.ts";
import { createInviteRepeats, type InviteUse } from "./invite-repeats.ts";

type DirectHandlers = Pick<Handlers, "registerNode" | "heartbeatNode">;
type Registration = Call<typeof contract.registerNode>;

/** How long a node of the same name at another address has to show that it is alive. */
const aliveCheckMs = 1_000;

/** Longest look-up of a name. */
const resolveLimitMs = 5_000;

/** Registrations of one node that may follow each other at once, and the time after which there may be one more. */
export const registrationBurst = 5;
const registrationIntervalMs = 1_000;

/** Nodes whose registrations are counted. */
const maxRegistrants = 20_000;

interface DirectRouteOptions {
  readonly nodes: DirectNodes;
  readonly registry: NodeRegistry;
  readonly invites: Pick<Invites, "redeem" | "grant">;
  /** Endpoints may have private addresses. */
  readonly allowPrivate: boolean;
  readonly resolve?: ResolveName;
  /** The coordinator has TLS: a call to an endpoint then is the one way that is outside it. */
  readonly hasTls: boolean;
  readonly clock: Clock;
  readonly ids: Pick<Ids, "instance">;
  readonly log: Log;
}

/** What the classic tool calls to join and to stay. docs/adr/0014 tells who may take which name. */
export function createDirectRoutes(options: DirectRouteOptions): DirectHandlers {
  const { nodes, registry, invites, clock, ids, log } = options;
  const repeats = createInviteRepeats({ clock, ids });
  const registrations = createRateGate({
    burst: registrationBurst,
    everyMs: registrationIntervalMs,
    maxKeys: maxRegistrants,
    clock,
  });

  /** A registration costs a look-up, calls, and a line on the disk. */
  function assertNotHasty({ principal, body }: Registration): void {
    const { nodeId, inviteHash, subject } = principal;
    const registrant = nodeId ?? `${inviteHash ?? subject} ${body.name.toLowerCase()}`;
    if (registrations.take(registrant)) return;
    throw new MeshError("TOO_MANY_REQUESTS", "This node has registered again and again.", {
      details: { retry_after_s: Math.ceil(registrationIntervalMs / 1000) },
    });
  }

  async function assertEndpoint(text: string): Promise<void> {
    const endpoint = parseEndpoint(text);
    if (endpoint === null) {
      throw new MeshError("ENDPOINT_REFUSED", `"${text}" is not of the form host:port.`);
    }
    const { allowPrivate, resolve = systemResolve } = options;
    const late = { kind: "refused", why: "unresolved", reason: "its name was not found in time" } as const;
    const checked = await waitAtMost(checkHost(endpoint.host, { resolve, allowPrivate }), {
      clock,
      limitMs: resolveLimitMs,
      otherwise: late,
    });
    if (checked.kind === "allowed") return;
    const hint =
      checked.why === "private"
        ? "Start the coordinator with --allow-private (coordinator.allow_private), if nodes at private addresses are wanted."
        : "Join with --endpoint host:port, an address at which the coordinator reaches this node.";
    throw new MeshError("ENDPOINT_REFUSED", `The endpoint ${text} is refused: ${checked.reason}.`, { hint });
  }

  /** The token says "offline" and "gone" as well: at an endpoint only the endpoint is asked. */
  async function isThere(own: MeshNode): Promise<boolean> {
    if (own.record.endpoint !== null) return nodes.answers(own, aliveCheckMs);
    return own.link !== null && (await own.link.isAlive(aliveCheckMs));
  }

  /** @throws MeshError SCOPE_MISSING */
  async function assertMayMove(own: MeshNode, { body, address }: Registration): Promise<void> {
    const { endpoint: from } = own.record;
    if (from === body.endpoint) return;
    const verdict = decideMove({ from, to: body.endpoint, caller: address() });
    if (verdict === "yes") return;
    if (verdict === "if_dead" && !(await isThere(own))) return;
    throw new MeshError("SCOPE_MISSING", "A node's token does not move its endpoint to another machine.", {
      hint: "Join with the admin token.",
    });
  }

  /** The node whose place it may take; null: it is a new one. */
  async function holderFor(call: Registration, use: InviteUse | null): Promise<MeshNode | null> {
    const { principal, body } = call;
    if (principal.nodeId !== null) {
      const own = registry.findKnown(principal.nodeId);
      if (own?.nameKey === body.name.toLowerCase()) {
        await assertMayMove(own, call);
        return own;
      }
      throw new MeshError("SCOPE_MISSING", "A node's token registers that node only, under its own name.", {
        hint: "Join with the admin token or with an invite.",
      });
    }
    const named = registry.find(body.name);
    if (named === null || named.nameKey !== body.name.toLowerCase()) return null;
    if (named.record.transport !== "direct") return null;
    // The answer to its first registration was lost.
    if (use !== null) return repeats.nodeOf(use) === named.id ? named : null;
    // The classic tool keeps nothing on its disk: a restarted node has only its name and its address.
    if (named.record.endpoint === body.endpoint || named.link === null) return named;
    return (await named.link.isAlive(aliveCheckMs)) ? null : named;
  }

  function warnOfPlainHttp(node: MeshNode, endpoint: string): void {
    if (isLoopbackHost(parseEndpoint(endpoint)?.host ?? "")) return;
    const { message, remedy } = plainHttpRisk.endpoint;
    log.warn(message, { node: node.id, name: node.name, endpoint, remedy });
  }

  return {
    registerNode: async (call) => {
      const { body, principal, headers } = call;
      assertNotHasty(call);
      await assertEndpoint(body.endpoint);
      const instance = toInstance(body.name, body.endpoint);
      const { inviteHash } = principal;
      const use = inviteHash === null ? null : { inviteHash, place: instance };
      const holder = await holderFor(call, use);
      const grants = await invites.redeem({
        principal,
        name: body.name,
        instance: use === null ? instance : repeats.redeemAs(use),
        address: call.address(),
        assertNameFree: () => {
          if (holder === null) registry.assertNameFree(body.name, null, false);
        },
      });
      const told = fromHeaderJson(DirectNode, headers.get(directNodeHeader));
      const hello = toHello(call, instance, told);
      const { node, token, isReturning } = await registry.admit(hello, principal, {
        endpoint: body.endpoint,
        holder,
        ...(grants === null ? {} : { invitedId: grants.nodeId }),
      });
      if (use !== null) repeats.letIn(use, node.id);
      if (grants !== null) await invites.grant(node, grants);
      if (token === null) throw new Error("a direct node always has a token");
      if (node.link !== null && nodes.stateOf(node.id) === null) {
        node.link.close(closeCodes.replaced, "it has registered a direct endpoint");
      }
      if (options.hasTls && nodes.stateOf(node.id) === null) warnOfPlainHttp(node, body.endpoint);
      nodes.take(node, { told, instance });
      log.info(`node registered: ${node.id} (${node.name})`, {
        endpoint: body.endpoint,
        returning: isReturning,
      });
      return { node_id: node.id, token: token.reveal() };
    },
    heartbeatNode: ({ params, body, principal, headers }) => {
      const node = registry.findKnown(params.id);
      if (principal.nodeId !== null && principal.nodeId !== node?.id) {
        throw new MeshError("SCOPE_MISSING", "A node's token opens that node's own routes only.");
      }
      if (node === null || node.record.transport !== "direct") {
        throw new MeshError("NODE_NOT_FOUND", `node "${params.id}" not found`);
      }
      repeats.end(node.id);
      // One that was drained may go on beating: if it were unknown it would register again.
      const told = fromHeaderJson(DirectNode, headers.get(directNodeHeader));
      if (node.record.hiddenAtMs === null) nodes.heartbeat(node, body.status, told);
      return undefined;
    },
  };
}

/** Stands for the process of a node that has no id of one: the same name at the same address. */
function toInstance(name: string, endpoint: string): Instance {
  return sha256Hex(`${name.toLowerCase()}\n${endpoint}`).slice(0, 32) as Instance;
}

function toHello({ body, headers }: Registration, instance: Instance, told: DirectNode | null): HelloFrame {
  return {
    type: "hello",
    versions: [linkVersion],
    software: told?.version ?? classicVersion(headers),
    name: body.name,
    instance,
    capabilities: toCapabilities(body.capabilities),
    slots: told?.slots ?? defaultDirectSlots,
    runtimes: told?.runtimes ?? [],
    running: [],
    unacknowledged: [],
  };
}

function classicVersion(headers: Headers): string {
  return headers.get("user-agent")?.startsWith("Go-http-client") === true ? "classic" : "";
}

/** The classic tool takes any text for a skill; what no message could ask for is left out. */
function toCapabilities(given: Registration["body"]["capabilities"]): Capabilities {
  const skills = given.skills.flatMap((skill) => {
    const parsed = Skill.safeParse(skill);
    return parsed.success ? [parsed.data] : [];
  });
  return { ...given, skills };
}
