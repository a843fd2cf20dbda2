import type { Secret } from "../protocol/secret.ts";

/** The file that `claw-mesh init` writes. It holds the token, so it belongs to its owner alone (0600). */
export function printInitialConfig(settings: {
  readonly port: number;
  readonly token: Secret;
  readonly nodeName: string;
  /** The coordinator makes its own certificate; default: plain HTTP. */
  readonly isTls?: boolean;
}): string {
  return `# claw-mesh configuration. docs/reference/configuration.md explains every key.
# Flags and environment variables (CLAW_MESH_COORDINATOR_PORT …) come before this file.

coordinator:
  # The port other machines join at.
  port: ${settings.port}
  # Whoever has this token may do everything in this mesh. Keep it to yourself.
  token: "${settings.token.reveal()}"
  # Nodes at private addresses (home and office networks) may be called.
  allow_private: true
${settings.isTls === true ? tlsSection : ""}
node:
  # How this machine is called in the mesh.
  name: ${JSON.stringify(settings.nodeName)}
  # Words that rules can ask for, such as [gpu, docker].
  tags: []

# Rules are tried in this order; the first that applies and has a free node wins.
# rules:
#   - match: { requires_gpu: true }
#     target: linux-gpu
#   - match: { requires_os: darwin }
#     target: mac-nodes
#   - match: { wildcard: true }
#     strategy: least-busy

# Named sets of nodes, listed by hand or selected by what they have.
# groups:
#   mac-nodes:
#     match: { os: darwin }
`;
}

const tlsSection = `
# HTTPS and WSS, with an authority of this mesh's own; docs/how-to/tls.md.
tls:
  enabled: true
`;

/** A node name made of the host name: the part before the first dot, without what a name may not hold. */
export function toNodeName(hostName: string): string {
  const name = (hostName.split(".")[0] ?? "")
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, "-")
    .replace(/^[^\p{L}\p{N}]+/u, "");
  return name.slice(0, 64) || "node";
}
