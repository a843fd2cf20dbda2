export type { FollowRequest, RouteEvent, RouteRequest } from "./answer-streams.ts";
export type { AnswerOf, CallInput, CallOptions } from "./call-types.ts";
export { createMeshClient, type MeshClient, type MeshClientOptions } from "./mesh-client.ts";
export type { MeshFetch } from "./transport.ts";
