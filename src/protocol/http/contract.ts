import { accessRoutes } from "./access-routes.ts";
import { messageRoutes } from "./message-routes.ts";
import { nodeRoutes } from "./node-routes.ts";
import { ruleRoutes } from "./rule-routes.ts";
import { seedRoutes } from "./seed-routes.ts";
import { serviceRoutes } from "./service-routes.ts";
import { skillRoutes } from "./skill-routes.ts";
import { taskRoutes } from "./task-routes.ts";

export { Invite, InviteInput } from "../access.ts";
export { ExplainInput, RouteAnswer, StreamEvents } from "./message-routes.ts";
export { RegisterInput } from "./node-routes.ts";
export { apiPrefix } from "./route.ts";
export { Health, Readiness } from "./service-routes.ts";
export { BulkAnswer, BulkInput } from "./task-routes.ts";

/** The HTTP API, version 1. docs/reference/http-api.md explains it; `/api/v1/openapi.json` is made of it. */
export const contract = {
  ...serviceRoutes,
  ...messageRoutes,
  ...taskRoutes,
  ...nodeRoutes,
  ...skillRoutes,
  ...seedRoutes,
  ...ruleRoutes,
  ...accessRoutes,
} as const;

export type Contract = typeof contract;
