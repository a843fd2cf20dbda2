import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { ServedCertificate } from "../../platform/tls/own-certificates.ts";
import { MeshError } from "../../protocol/errors.ts";

type Server = Pick<Bun.Server<unknown>, "port" | "pendingRequests" | "stop">;

/** What differs between the servers that follow each other on one port. */
export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
  /** null: plain HTTP. */
  readonly tls: ServedCertificate | null;
}

interface ListenerDeps {
  readonly serve: (options: ListenOptions) => Server;
  readonly clock: Clock;
  readonly log: Log;
}

/** One port; behind it a server, and those before it whose connections are still open. */
export interface Listener {
  readonly port: number;
  /** Requests whose answers are not out yet; links do not count. */
  readonly pendingRequests: () => number;
  /** New connections see this certificate; requests and links that are open go on as they are. */
  readonly renew: (tls: ServedCertificate) => void;
  /** Takes no new connections; resolves when the last answer is out, or at once with `isForced`. */
  readonly stop: (isForced: boolean) => Promise<void>;
}

/** Pause before the port is tried again that another program took in the moment of a renewal. */
const retryMs = 200;

/**
 * Listens. The platform cannot give a server another certificate, so a renewal stops it gracefully and puts another one
 * in its place. Between the two the port is closed for less than a millisecond: a connection that is
 * being made just then may be reset.
 * @throws MeshError PORT_IN_USE, CANNOT_LISTEN
 */
export function openListener(options: ListenOptions, { serve, clock, log }: ListenerDeps): Listener {
  let isStopped = false;
  const first = firstServer(options, serve);
  const port = first.port ?? options.port;
  /** Those before the present one go on until their last connection is closed. */
  const servers = new Set<Server>([first]);
  /** null: the port could not be taken again yet. */
  let present: Server | null = first;
  /** What is to be served as soon as the port can be taken; null: it is served. */
  let wanted: ServedCertificate | null = null;
  let cancelRetry: CancelTimer = () => {};

  const retire = (server: Server) => {
    server.stop(false).then(
      () => servers.delete(server),
      (error: unknown) => log.warn("a server with the former certificate could not be stopped", { error }),
    );
  };

  const listen = (failures: number) => {
    if (isStopped || wanted === null) return;
    try {
      present = serve({ ...options, port, tls: wanted });
    } catch (error) {
      if (failures === 0) log.error("cannot listen with the new certificate; trying again", { port, error });
      cancelRetry = clock.after(retryMs, () => listen(failures + 1));
      return;
    }
    wanted = null;
    servers.add(present);
    if (failures > 0) log.info("listening with the new certificate", { port });
  };

  return {
    port,
    pendingRequests: () => [...servers].reduce((sum, server) => sum + server.pendingRequests, 0),
    renew: (tls) => {
      if (isStopped) return;
      cancelRetry();
      if (present !== null) retire(present);
      present = null;
      wanted = tls;
      listen(0);
    },
    stop: async (isForced) => {
      isStopped = true;
      cancelRetry();
      await Promise.all([...servers].map((server) => server.stop(isForced)));
    },
  };
}

function firstServer(options: ListenOptions, serve: ListenerDeps["serve"]): Server {
  try {
    return serve(options);
  } catch (cause) {
    const code = errorCodeOf(cause);
    if (code === "EADDRINUSE") {
      throw new MeshError("PORT_IN_USE", `Port ${options.port} is in use by another program.`, { cause });
    }
    const why = code ?? "unknown error";
    throw new MeshError("CANNOT_LISTEN", `Cannot listen on ${options.hostname}:${options.port} (${why}).`, {
      cause,
    });
  }
}

/** As a name it may lead to ::1, while commands call 127.0.0.1, where somebody else could then listen. */
export function listenAddress(host: string): string {
  return host === "localhost" ? "127.0.0.1" : host;
}
