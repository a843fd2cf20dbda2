import type { TaskMessage } from "../tasks/task.ts";

/** The part of a message that routing looks at. */
export type RoutingMessage = Pick<
  TaskMessage,
  | "content"
  | "source"
  | "session"
  | "requires"
  | "labels"
  | "target"
  | "infer"
  | "isUntrusted"
  | "allowedGroups"
>;
