import { createServer } from "node:net";

/** What listening on a port would come to; the port is free again at once. */
export async function checkPort(host: string, port: number): Promise<"free" | "taken" | "not_allowed"> {
  const { promise, resolve } = Promise.withResolvers<"free" | "taken" | "not_allowed">();
  const server = createServer();
  server.once("error", ({ code }: NodeJS.ErrnoException) =>
    resolve(code === "EADDRINUSE" ? "taken" : "not_allowed"),
  );
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve("free")));
  return await promise;
}
