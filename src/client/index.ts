export {
  type AnswerOf,
  type CallInput,
  type CallOptions,
  createMeshClient,
  type FollowRequest,
  type MeshClient,
  type MeshClientOptions,
  type MeshFetch,
  type RouteEvent,
  type RouteRequest,
} from "./mesh-client.ts";
