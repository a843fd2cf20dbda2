import { MeshError } from "../protocol/errors.ts";

/** Where a gateway is, in the forms that the probes and adapters need; none holds credentials or ends with a slash. */
export interface GatewayAddress {
  /** `http://127.0.0.1:18789`, with the path, if any, and without a final `/v1`. */
  readonly httpUrl: string;
  /** `ws://127.0.0.1:18789` */
  readonly wsUrl: string;
}

/**
 * Reads `host:port`, `http(s)://…` and `ws(s)://…`. A plain host gets http.
 * @throws MeshError USAGE
 */
export function parseGatewayAddress(text: string): GatewayAddress {
  const trimmed = text.trim();
  const url = URL.parse(trimmed.includes("://") ? trimmed : `http://${trimmed}`);
  if (url === null || url.hostname === "" || !/^(?:https?|wss?):$/.test(url.protocol)) {
    // The text itself stays out of the message: it may hold a password.
    throw new MeshError("USAGE", "The gateway address cannot be read.", { hint: addressHint });
  }
  if (url.username !== "" || url.password !== "") {
    throw new MeshError("USAGE", `The gateway address of ${url.host} holds a user name or password.`, {
      hint: "Give the secret with --gateway-token instead.",
    });
  }
  const isSecure = url.protocol === "https:" || url.protocol === "wss:";
  const path = url.pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
  return {
    httpUrl: `${isSecure ? "https" : "http"}://${url.host}${path}`,
    wsUrl: `${isSecure ? "wss" : "ws"}://${url.host}${path}`,
  };
}

const addressHint = "Write host:port, http://host:port or ws://host:port.";
