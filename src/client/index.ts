export {
  type AnswerOf,
  type CallInput,
  type CallOptions,
  createMeshClient,
  type MeshClient,
  type MeshClientOptions,
  type MeshFetch,
  type RouteRequest,
} from "./mesh-client.ts";
export type { StreamEvent } from "./route-stream.ts";
