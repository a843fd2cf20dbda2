import { MeshError } from "../../protocol/errors.ts";

export const serviceRoles = ["coordinator", "node"] as const;
export type ServiceRole = (typeof serviceRoles)[number];

/** `user`: runs as and for one user; `system`: starts with the machine, before anybody logs in. */
export type ServiceScope = "user" | "system";

/** A machine has one coordinator service and a node service for each name, in each scope. */
export interface ServiceId {
  readonly role: ServiceRole;
  /** Name of the node, where one was given; always null for a coordinator. */
  readonly node: string | null;
}

const prefix = "claw-mesh-";
/** What names of units, labels and files may hold without any quoting. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/**
 * `claw-mesh-coordinator`, `claw-mesh-node`, `claw-mesh-node-gpu-box`: the unit without its ending.
 * @throws MeshError USAGE for a node name that no unit can have
 */
export function serviceName({ role, node }: ServiceId): string {
  if (node === null) return `${prefix}${role}`;
  if (!plainName.test(node)) {
    throw new MeshError("USAGE", `a service cannot be named after the node "${node}"`, {
      hint: "Give the node a name of letters, digits, dots, hyphens and underscores: --name <name>",
    });
  }
  return `${prefix}${role}-${node}`;
}

/** The service whose unit has this name; null when it is none of ours. */
export function parseServiceName(name: string): ServiceId | null {
  if (name === `${prefix}coordinator`) return { role: "coordinator", node: null };
  if (name === `${prefix}node`) return { role: "node", node: null };
  const node = name.startsWith(`${prefix}node-`) ? name.slice(`${prefix}node-`.length) : "";
  return plainName.test(node) ? { role: "node", node } : null;
}
