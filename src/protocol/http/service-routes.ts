import { z } from "zod";
import { MeshId } from "../ids.ts";
import { apiPrefix, route } from "./route.ts";

export const Health = z.object({
  status: z.literal("ok"),
  mesh_id: MeshId,
  version: z.string(),
});
export type Health = z.infer<typeof Health>;

export const Readiness = z.object({ ready: z.boolean(), reason: z.string().nullable() });

export const serviceRoutes = {
  getHealth: route({
    operationId: "getHealth",
    method: "GET",
    path: "/healthz",
    tag: "service",
    scopes: ["none"],
    summary: "Is the process alive",
    status: 200,
    answer: Health,
    errors: [],
  }),
  getReadiness: route({
    operationId: "getReadiness",
    method: "GET",
    path: "/readyz",
    tag: "service",
    scopes: ["none"],
    summary: "Does it take work; 503 while it starts or stops",
    status: 200,
    answer: Readiness,
    errors: [],
  }),
  getOpenApi: route({
    operationId: "getOpenApi",
    method: "GET",
    path: `${apiPrefix}/openapi.json`,
    tag: "service",
    scopes: ["none"],
    summary: "This document",
    status: 200,
    answer: z.record(z.string(), z.unknown()),
    errors: [],
  }),
} as const;
