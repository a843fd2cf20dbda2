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
  getPage: route({
    operationId: "getPage",
    method: "GET",
    path: "/",
    tag: "service",
    scopes: ["none"],
    browsers: "page",
    summary: "A page for browsers: log in with a token, see the nodes",
    status: 200,
    mediaType: "text/html",
    errors: ["HOST_NOT_ALLOWED"],
  }),
  getPageScript: route({
    operationId: "getPageScript",
    method: "GET",
    path: "/page/page.js",
    tag: "service",
    scopes: ["none"],
    browsers: "page",
    summary: "The script of that page",
    status: 200,
    mediaType: "text/javascript",
    errors: ["HOST_NOT_ALLOWED"],
  }),
  getPageStyle: route({
    operationId: "getPageStyle",
    method: "GET",
    path: "/page/page.css",
    tag: "service",
    scopes: ["none"],
    browsers: "page",
    summary: "The style of that page",
    status: 200,
    mediaType: "text/css",
    errors: ["HOST_NOT_ALLOWED"],
  }),
} as const;
