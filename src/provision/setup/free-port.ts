import { createServer } from "node:net";
import { checkPort } from "../../platform/port-check.ts";

/** The port of 127.0.0.1 that was asked for when nobody has it, else one that the system picks. */
export async function findFreePort(asked: number): Promise<number> {
  if (
    Number.isInteger(asked) &&
    asked > 0 &&
    asked < 65_536 &&
    (await checkPort("127.0.0.1", asked)).kind === "free"
  ) {
    return asked;
  }
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : asked));
  });
  return await promise;
}
