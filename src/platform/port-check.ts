import { createServer } from "node:net";

export type PortState =
  | { readonly kind: "free" | "taken" | "not_allowed" }
  /** Nobody could listen there: no such address of this machine, for instance. */
  | { readonly kind: "unusable"; readonly code: string };

/** What listening on a port would come to; the port is free again at once. */
export async function checkPort(host: string, port: number): Promise<PortState> {
  const { promise, resolve } = Promise.withResolvers<PortState>();
  const server = createServer();
  server.once("error", ({ code }: NodeJS.ErrnoException) => resolve(toState(code)));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve({ kind: "free" })));
  return await promise;
}

function toState(code: string | undefined): PortState {
  if (code === "EADDRINUSE") return { kind: "taken" };
  return code === "EACCES" || code === "EPERM"
    ? { kind: "not_allowed" }
    : { kind: "unusable", code: code ?? "unknown reason" };
}
