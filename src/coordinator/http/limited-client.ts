import { toClientKey } from "../auth/client-key.ts";

/** IPv6 loopback as a client. */
const loopbackNetwork = toClientKey("::1");

/**
 * The client whose open things are counted together. null: this machine itself, or a client that has left, which have
 * no limits of one client.
 */
export function toLimitedClient(address: string): string | null {
  if (address === "unknown") return null;
  const key = toClientKey(address);
  return key.startsWith("127.") || key === loopbackNetwork ? null : key;
}
