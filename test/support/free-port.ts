/** A port of 127.0.0.1 that nobody listened on a moment ago. Prefer port 0 where a program can be told so. */
export async function findFreePort(): Promise<number> {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = server;
  server.stop(true);
  return port;
}
