import { describe, expect, test } from "bun:test";
import type { Log } from "../../../src/platform/log.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { createTlsMesh } from "./tls-world.ts";

const capabilities = { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] };

async function warningsFor(endpoint: string): Promise<readonly unknown[]> {
  const said: unknown[] = [];
  const log: Log = {
    ...silentLog,
    warn: (message, facts) => {
      if (message.includes("plain HTTP")) said.push(facts);
    },
    child: () => log,
  };
  await using mesh = await createTlsMesh({ log });
  const body = JSON.stringify({ name: "called", endpoint, capabilities });
  for (let times = 0; times < 2; times += 1) {
    const answer = await mesh.call("/api/v1/nodes/register", { method: "POST", body });
    expect(answer.status).toBe(201);
  }
  return said;
}

describe("a coordinator with TLS that takes a node which it has to call", () => {
  test("warns once that these calls are outside it", async () => {
    const endpoint = "10.255.255.1:9121";
    expect(await warningsFor(endpoint)).toMatchObject([{ name: "called", endpoint }]);
  });

  test("says nothing of one on its own machine", async () => {
    expect(await warningsFor("127.0.0.1:9121")).toEqual([]);
  });
});
