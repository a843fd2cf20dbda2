import { tidyMessage } from "./failure-map.ts";

/** Why there is no connection to the gateway. */
export interface ConnectionProblem {
  /**
   * `unreachable`: nothing that speaks WebSocket is there; `starting`: the gateway asks to come again;
   * `unauthorized`: it refuses the token; `incompatible`: it is no gateway, or of another protocol version.
   */
  readonly kind: "unreachable" | "starting" | "unauthorized" | "incompatible";
  /** One sentence with the address, without secrets. */
  readonly message: string;
}

const unauthorizedCodes: ReadonlySet<string> = new Set([
  "AUTH_TOKEN_MISMATCH",
  "AUTH_TOKEN_MISSING",
  "AUTH_TOKEN_NOT_CONFIGURED",
  "AUTH_PASSWORD_MISMATCH",
  "AUTH_PASSWORD_MISSING",
  "AUTH_RATE_LIMITED",
  "AUTH_REQUIRED",
  "AUTH_UNAUTHORIZED",
  "AUTH_SCOPE_MISMATCH",
  "DEVICE_IDENTITY_REQUIRED",
  "PAIRING_REQUIRED",
]);

/** What a refused handshake means. `code` is the error's own, `detailCode` that of its details. */
export function matchHandshakeProblem(
  address: string,
  refusal: { readonly code: string; readonly detailCode: string | null; readonly hasToken: boolean },
): ConnectionProblem {
  const { code, detailCode } = refusal;
  if (code === "NOT_PAIRED" || (detailCode !== null && unauthorizedCodes.has(detailCode))) {
    const message = refusal.hasToken
      ? `the OpenClaw gateway at ${address} refuses the token`
      : `the OpenClaw gateway at ${address} asks for a token`;
    return { kind: "unauthorized", message: `${message} (${detailCode ?? code})` };
  }
  if (detailCode === "PROTOCOL_MISMATCH") {
    return {
      kind: "incompatible",
      message: `the OpenClaw gateway at ${address} does not speak protocol version 4`,
    };
  }
  if (code === "UNAVAILABLE") {
    return { kind: "starting", message: `the OpenClaw gateway at ${address} is starting or stopping` };
  }
  const message = `the OpenClaw gateway at ${address} refuses the connection (${detailCode ?? code})`;
  return { kind: "incompatible", message: tidyMessage(message) };
}

/** A connection that ended before the handshake was answered. */
export function matchClosedProblem(address: string, wasOpen: boolean): ConnectionProblem {
  return wasOpen
    ? {
        kind: "starting",
        message: `the OpenClaw gateway at ${address} closed the connection during the handshake`,
      }
    : { kind: "unreachable", message: `no OpenClaw gateway answers at ${address}` };
}

/** Whether trying again soon is of no use. */
export function isLasting(problem: ConnectionProblem): boolean {
  return problem.kind === "unauthorized" || problem.kind === "incompatible";
}
