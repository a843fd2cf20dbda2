import { timingSafeEqual } from "node:crypto";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import {
  type DirectAnswer,
  DirectMessage,
  DirectOffer,
  type DirectOutcome,
  directHealthPath,
  directMessagesPath,
  directOfferHeader,
  directOutcomeHeader,
  directRuntimeHeader,
  fromHeaderJson,
  toHeaderJson,
} from "../../protocol/direct.ts";
import { issueLines, MeshError } from "../../protocol/errors.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { AttemptEnd, DirectAttempts } from "./attempts.ts";
import type { ListenAddress } from "./listen-address.ts";

/** Bytes of a message. */
const maxBodyBytes = 1024 * 1024;

/** How long the last answers may take to reach the coordinator when the node stops. */
const flushLimitMs = 500;

/** Seconds a connection may be silent while a request is awaited. */
const idleTimeoutS = 10;

export interface MessageServerDeps {
  readonly listen: ListenAddress;
  readonly attempts: Pick<DirectAttempts, "take" | "runtimeOf">;
  readonly clock: Clock;
  /** The node's own token; null before the registration: nobody is let in. */
  readonly token: () => Promise<Secret | null>;
}

export interface MessageServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/**
 * The server of a direct node: what the classic node serves, in its words.
 * @throws MeshError PORT_IN_USE, CANNOT_LISTEN
 */
export function startMessageServer({ listen, attempts, token, clock }: MessageServerDeps): MessageServer {
  async function takeMessage(request: Request, server: Bun.Server<unknown>): Promise<Response> {
    if (!isAllowed(request.headers.get("authorization"), await token())) {
      return errorAnswer(401, "unauthorized");
    }
    const parsed = DirectMessage.safeParse(parseJson(await request.text()));
    if (!parsed.success) return errorAnswer(400, issueLines(parsed.error).slice(0, 3).join("; "));
    const offer = fromHeaderJson(DirectOffer, request.headers.get(directOfferHeader));
    // A run may be silent for long.
    server.timeout(request, 0);
    const { id } = parsed.data;
    const response = toResponse(id, await attempts.take(parsed.data, offer, request.signal));
    const runtime = attempts.runtimeOf(id);
    if (runtime !== null) response.headers.set(directRuntimeHeader, runtime);
    return response;
  }

  const server = open(listen, () =>
    Bun.serve({
      hostname: listen.host,
      port: listen.port,
      idleTimeout: idleTimeoutS,
      maxRequestBodySize: maxBodyBytes,
      development: false,
      reusePort: false,
      routes: {
        [directHealthPath]: { GET: () => json(200, { status: "ok" }) },
        [directMessagesPath]: { POST: takeMessage },
      },
      fetch: () => errorAnswer(404, "not found"),
      error: () => errorAnswer(500, "the node could not answer because of a fault of its own"),
    }),
  );
  /** The last answers may still be on their way. */
  const stop = async () => {
    await waitAtMost(server.stop(false), { clock, limitMs: flushLimitMs, otherwise: undefined });
    await server.stop(true);
  };
  return { port: server.port ?? listen.port, stop };
}

function open(listen: ListenAddress, serve: () => Bun.Server<unknown>): Bun.Server<unknown> {
  try {
    return serve();
  } catch (cause) {
    const code = errorCodeOf(cause);
    const hint = "Listen elsewhere with: claw-mesh join <url> --listen :<port>";
    if (code === "EADDRINUSE") {
      throw new MeshError("PORT_IN_USE", `Port ${listen.port} is in use by another program.`, {
        hint,
        cause,
      });
    }
    const why = code ?? "unknown error";
    throw new MeshError("CANNOT_LISTEN", `Cannot listen on ${listen.host}:${listen.port} (${why}).`, {
      hint,
      cause,
    });
  }
}

/** Hashes are compared, so that the time says nothing, not even of the length. */
function isAllowed(authorization: string | null, token: Secret | null): boolean {
  const given = /^bearer +(\S+)$/i.exec(authorization?.trim() ?? "")?.[1];
  if (given === undefined || token === null) return false;
  return timingSafeEqual(Buffer.from(sha256Hex(given)), Buffer.from(sha256Hex(token.reveal())));
}

/** Never 502 or 503: a classic coordinator would send the message again. */
function toResponse(id: string, end: AttemptEnd): Response {
  switch (end.kind) {
    case "succeeded":
      return json(200, { message_id: id, node_id: "", response: end.text } satisfies DirectAnswer);
    case "failed": {
      const { message, ...failure } = end.failure;
      return errorAnswer(500, message, { kind: "failed", failure });
    }
    case "lost": {
      const { reason, ...lost } = end;
      return errorAnswer(500, reason, lost);
    }
    case "cancelled":
      return errorAnswer(500, "the run was stopped", { kind: "lost", started: true, fenced: true });
    case "refused":
      return errorAnswer(429, end.message, { kind: "refused", reason: end.reason });
    case "conflict":
      return errorAnswer(400, "the id was used for another message");
  }
}

function errorAnswer(status: number, error: string, outcome?: DirectOutcome): Response {
  return json(
    status,
    { error },
    outcome === undefined ? {} : { [directOutcomeHeader]: toHeaderJson(outcome) },
  );
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json", "x-content-type-options": "nosniff", ...headers },
  });
}

function parseJson(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
