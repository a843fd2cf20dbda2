import { z } from "zod";
import { Capabilities, Name, Tag } from "../capability.ts";
import { NodeId } from "../ids.ts";
import { NodeInfo, NodePatch, NodeStatus } from "../node.ts";
import { apiPrefix, route } from "./route.ts";

export const RegisterInput = z.strictObject({
  name: Name,
  endpoint: z.string().min(1).max(256),
  capabilities: Capabilities.extend({
    tags: z
      .array(Tag)
      .max(64)
      .nullish()
      .transform((tags) => tags ?? []),
    skills: z
      .array(z.string())
      .max(256)
      .nullish()
      .transform((skills) => skills ?? []),
  }),
});

const nodeParams = z.object({ id: z.string().min(1).max(80) });

export const nodeRoutes = {
  listNodes: route({
    operationId: "listNodes",
    method: "GET",
    path: `${apiPrefix}/nodes`,
    tag: "nodes",
    scopes: ["read"],
    summary: "All nodes, by name",
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(10_000).optional(),
      cursor: z.string().max(128).optional(),
    }),
    status: 200,
    answer: z.array(NodeInfo),
    errors: [],
  }),
  getNode: route({
    operationId: "getNode",
    method: "GET",
    path: `${apiPrefix}/nodes/{id}`,
    tag: "nodes",
    scopes: ["read", "node"],
    summary: "One node, by id or name",
    params: nodeParams,
    status: 200,
    answer: NodeInfo,
    errors: ["NODE_NOT_FOUND"],
  }),
  patchNode: route({
    operationId: "patchNode",
    method: "PATCH",
    path: `${apiPrefix}/nodes/{id}`,
    tag: "nodes",
    scopes: ["operate"],
    audits: "node.change",
    summary: "Cordon, drain, uncordon, tags, weight",
    params: nodeParams,
    body: NodePatch,
    status: 200,
    answer: NodeInfo,
    errors: ["NODE_NOT_FOUND"],
  }),
  removeNode: route({
    operationId: "removeNode",
    method: "DELETE",
    path: `${apiPrefix}/nodes/{id}`,
    tag: "nodes",
    scopes: ["operate", "node"],
    audits: "node.remove",
    summary: "Remove a node; its token is void, its history stays",
    params: nodeParams,
    status: 204,
    errors: ["NODE_NOT_FOUND"],
  }),
  registerNode: route({
    operationId: "registerNode",
    method: "POST",
    path: `${apiPrefix}/nodes/register`,
    tag: "nodes",
    scopes: ["node", "invite", "admin"],
    audits: "node.register",
    summary: "Join with a direct endpoint, as the classic tool does",
    body: RegisterInput,
    maxBodyBytes: 64 * 1024,
    status: 201,
    answer: z.object({ node_id: NodeId, token: z.string() }),
    errors: ["ENDPOINT_REFUSED", "NAME_TAKEN", "INVITE_INVALID"],
  }),
  heartbeatNode: route({
    operationId: "heartbeatNode",
    method: "POST",
    path: `${apiPrefix}/nodes/{id}/heartbeat`,
    tag: "nodes",
    scopes: ["node", "admin"],
    summary: "A sign of life of a node with a direct endpoint",
    params: nodeParams,
    body: z.strictObject({ status: NodeStatus }),
    maxBodyBytes: 16 * 1024,
    status: 204,
    errors: ["NODE_NOT_FOUND"],
  }),
  openLink: route({
    operationId: "openLink",
    method: "GET",
    path: `${apiPrefix}/link`,
    tag: "link",
    scopes: ["node", "invite", "admin"],
    browsers: "socket",
    summary: "The WebSocket of a node",
    status: 101,
    errors: ["UPGRADE_REQUIRED", "INVITE_INVALID", "ORIGIN_NOT_ALLOWED", "HOST_NOT_ALLOWED"],
  }),
} as const;
