import { defaultDirectPort } from "../../protocol/direct.ts";
import { MeshError } from "../../protocol/errors.ts";

/** Where the node listens for the coordinator's calls. */
export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/**
 * `:9121` (all interfaces), `host:port`, `[::1]:port` or a port alone.
 * @throws MeshError USAGE
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new MeshError("USAGE", `"${text}" is not an address to listen on`, {
      hint: `Give it as :${defaultDirectPort} or as host:port.`,
    });
  }
  const host = (match[1] ?? "").replace(/^\[(.*)\]$/, "$1");
  return { host: host === "" ? "0.0.0.0" : host, port };
}

export const defaultListenAddress: ListenAddress = { host: "0.0.0.0", port: defaultDirectPort };
