import { randomBytes } from "node:crypto";
import type { Instance, InviteId, MeshId, NodeId, RuleId, TaskId, TokenId } from "../protocol/ids.ts";

/** Makes new ids; an input like the clock. */
export interface Ids {
  readonly task: () => TaskId;
  readonly node: () => NodeId;
  readonly rule: () => RuleId;
  readonly invite: () => InviteId;
  readonly token: () => TokenId;
  readonly mesh: () => MeshId;
  readonly instance: () => Instance;
}

/** A UUIDv7 (time-ordered) without its dashes. */
function hexUuid(): string {
  const uuid = Bun.randomUUIDv7();
  return uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24);
}

export const systemIds: Ids = {
  task: () => `task_${hexUuid()}` as TaskId,
  node: () => `node_${hexUuid()}` as NodeId,
  rule: () => `rule_${hexUuid()}` as RuleId,
  invite: () => `invite_${hexUuid()}` as InviteId,
  token: () => `token_${hexUuid()}` as TokenId,
  mesh: () => `mesh_${hexUuid()}` as MeshId,
  instance: () => hexUuid() as Instance,
};

/** A secret of 128 bits as 32 hexadecimal digits. */
export function createSecret(): string {
  return randomBytes(16).toString("hex");
}
