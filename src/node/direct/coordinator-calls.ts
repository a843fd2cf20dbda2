import { z } from "zod";
import { createMeshClient, type MeshFetch } from "../../client/index.ts";
import type { Capabilities } from "../../protocol/capability.ts";
import { type DirectNode, directNodeHeader, toHeaderJson } from "../../protocol/direct.ts";
import { apiPrefix } from "../../protocol/http/contract.ts";
import { route } from "../../protocol/http/route.ts";
import { NodeStatus } from "../../protocol/node.ts";
import { Secret } from "../../protocol/secret.ts";

/** Longest wait for an answer of the coordinator. */
const answerLimitMs = 10_000;

/** Ids of the classic tool are shorter than ours: whatever it gives is taken. */
const AnyId = z.string().min(1).max(128);

const registerRoute = route({
  operationId: "registerNode",
  method: "POST",
  path: `${apiPrefix}/nodes/register`,
  tag: "nodes",
  scopes: ["node", "invite", "admin"],
  summary: "Join with a direct endpoint",
  body: z.unknown(),
  status: 201,
  answer: z.object({ node_id: AnyId, token: z.string().min(1).max(512) }),
  errors: [],
});

const heartbeatRoute = route({
  operationId: "heartbeatNode",
  method: "POST",
  path: `${apiPrefix}/nodes/{id}/heartbeat`,
  tag: "nodes",
  scopes: ["node"],
  summary: "A sign of life",
  params: z.object({ id: AnyId }),
  body: z.object({ status: NodeStatus }),
  status: 204,
  errors: [],
});

const removeRoute = route({
  operationId: "removeNode",
  method: "DELETE",
  path: `${apiPrefix}/nodes/{id}`,
  tag: "nodes",
  scopes: ["node"],
  summary: "Leave",
  params: z.object({ id: AnyId }),
  status: 204,
  errors: [],
});

const listRoute = route({
  operationId: "listNodes",
  method: "GET",
  path: `${apiPrefix}/nodes`,
  tag: "nodes",
  scopes: ["none"],
  summary: "What a classic coordinator shows to anybody",
  status: 200,
  answer: z.array(z.object({ id: z.string(), name: z.string() })),
  errors: [],
});

/** Where a node is a member of a mesh. */
export interface Place {
  readonly node_id: string;
  readonly token: Secret;
}

export interface Registration {
  readonly name: string;
  readonly endpoint: string;
  readonly capabilities: Capabilities;
  readonly told: DirectNode;
}

/** What a direct node asks of a coordinator, of ours or of a classic one. All throw MeshError. */
export interface CoordinatorCalls {
  readonly register: (credential: Secret, registration: Registration) => Promise<Place>;
  readonly heartbeat: (place: Place, status: NodeStatus, told: DirectNode) => Promise<void>;
  readonly deregister: (place: Place) => Promise<void>;
  /** Whether a classic coordinator answers there: it lists its nodes to anybody, and knows no link. */
  readonly isClassic: (credential: Secret | null) => Promise<boolean>;
}

interface CoordinatorCallsDeps {
  readonly url: string;
  readonly fetch: MeshFetch;
  readonly proxyUrl: string | null;
}

export function createCoordinatorCalls({ url, fetch, proxyUrl }: CoordinatorCallsDeps): CoordinatorCalls {
  const client = (token: Secret | null) =>
    createMeshClient({ baseUrl: url, token, fetch, proxyUrl, timeoutMs: answerLimitMs });
  return {
    register: async (credential, { name, endpoint, capabilities, told }) => {
      const { os, arch, gpu, memory_gb, tags, skills } = capabilities;
      // Exactly these fields: the classic coordinator refuses others.
      const body = { name, endpoint, capabilities: { os, arch, gpu, memory_gb, tags, skills } };
      const headers = { [directNodeHeader]: toHeaderJson(told) };
      const place = await client(credential).call(registerRoute, { body }, { headers });
      return { ...place, token: new Secret(place.token) };
    },
    heartbeat: async ({ node_id: id, token }, status, told) => {
      const headers = { [directNodeHeader]: toHeaderJson(told) };
      await client(token).call(heartbeatRoute, { params: { id }, body: { status } }, { headers });
    },
    deregister: async ({ node_id: id, token }) => {
      await client(token).call(removeRoute, { params: { id } });
    },
    isClassic: async (credential) => {
      try {
        await client(null).call(listRoute, {});
        const response = await fetch(`${url}${apiPrefix}/link`, {
          redirect: "manual",
          signal: AbortSignal.timeout(answerLimitMs),
          ...(credential === null ? {} : { headers: { authorization: `Bearer ${credential.reveal()}` } }),
        });
        await response.body?.cancel();
        return response.status === 404;
      } catch {
        // Whatever stands in the way, it is not known to be one.
        return false;
      }
    },
  };
}
