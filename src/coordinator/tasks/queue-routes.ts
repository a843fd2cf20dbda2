import { MeshError } from "../../protocol/errors.ts";
import type { Handlers } from "../http/http-server.ts";

type QueueHandlers = Pick<
  Handlers,
  | "addTask"
  | "listTasks"
  | "streamTask"
  | "retryTask"
  | "discardTask"
  | "cancelTasks"
  | "retryTasks"
  | "discardTasks"
>;

export function createQueueRoutes(): QueueHandlers {
  const missing = () => {
    throw new MeshError("INTERNAL", "not built yet");
  };
  return {
    addTask: missing,
    listTasks: missing,
    streamTask: missing,
    retryTask: missing,
    discardTask: missing,
    cancelTasks: missing,
    retryTasks: missing,
    discardTasks: missing,
  };
}
