import { afterAll, afterEach, expect, test } from "bun:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { createSafeFetch } from "../../../src/platform/safe-fetch.ts";

let proxied = 0;
const proxy = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: () => {
    proxied += 1;
    return new Response("from the proxy");
  },
});
const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("from the node") });
afterAll(() => Promise.all([proxy.stop(true), server.stop(true)]));

const names = ["http_proxy", "HTTP_PROXY", "all_proxy"];
afterEach(() => {
  for (const name of names) delete process.env[name];
});

test("a guarded request uses no proxy of the environment, which would look the name up itself", async () => {
  for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
  const resolve = () => Promise.resolve(["127.0.0.1"]);
  const guarded = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve });
  const url = `http://node.test:${server.port}/`;
  const answer = await guarded({ url, method: "GET", timeoutMs: 5_000, maxBytes: 100 });
  expect({ proxied, answer }).toMatchObject({
    proxied: 0,
    answer: { kind: "answered", text: "from the node" },
  });
});
