import { expect, test } from "bun:test";
import { createFetch, isLoopbackHost, proxyForUrl, proxyVariables } from "./http-fetch.ts";

const env = {
  HTTP_PROXY: "http://proxy:3128",
  HTTPS_PROXY: "secure:3129",
  NO_PROXY: "example.org, .corp:8080,203.0.113.0/24",
};

test.each([
  ["http://example.com/", "http://proxy:3128"],
  ["https://example.com/", "http://secure:3129"],
  ["ws://example.com/", "http://proxy:3128"],
  ["wss://example.com/", "http://secure:3129"],
  ["http://127.0.0.1:9180/", null],
  ["http://127.9.9.9/", null],
  ["http://localhost:9180/", null],
  ["http://[::1]:9180/", null],
  ["http://192.168.1.5:9180/", null],
  ["http://10.1.2.3/", null],
  ["http://100.101.102.103/", null],
  ["http://[fd00::1]/", null],
  ["http://mac-mini:9180/", null],
  ["http://mac-mini.local:9180/", null],
  ["http://172.32.0.1/", "http://proxy:3128"],
  ["http://example.org/", null],
  ["http://www.example.org/", null],
  ["http://notexample.org/", "http://proxy:3128"],
  ["http://a.corp:8080/", null],
  ["http://a.corp/", "http://proxy:3128"],
  ["http://203.0.113.9/", null],
  ["http://203.0.114.9/", "http://proxy:3128"],
])("the proxy for %s is %p", (url, proxy) => {
  expect(proxyForUrl(url, env)).toBe(proxy);
});

test("no proxy is used when none is set or everything is exempt", () => {
  expect(proxyForUrl("http://example.com/", {})).toBeNull();
  expect(proxyForUrl("http://example.com/", { ...env, NO_PROXY: "*" })).toBeNull();
  expect(proxyForUrl("http://example.com/", { HTTP_PROXY: "" })).toBeNull();
});

test("proxy variables are shown without their password", () => {
  expect(proxyVariables({ HTTP_PROXY: "http://user:secret@proxy:1" })).toEqual({
    HTTP_PROXY: "http://***@proxy:1",
  });
});

test("loopback is this machine only", () => {
  expect(["localhost", "127.0.0.1", "::1", "[::1]"].map(isLoopbackHost)).toEqual([true, true, true, true]);
  expect(["10.0.0.1", "example.com", "localhost.example.com"].map(isLoopbackHost)).toEqual([
    false,
    false,
    false,
  ]);
});

test("a request to loopback bypasses the proxy of the environment, others go through it", async () => {
  await using proxy = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("proxy") });
  await using target = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("direct") });
  const previous = process.env.HTTP_PROXY;
  process.env.HTTP_PROXY = `http://127.0.0.1:${proxy.port}`;
  try {
    const send = createFetch({ env: { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` } });
    expect(await (await send(`http://127.0.0.1:${target.port}/`, {})).text()).toBe("direct");
    expect(await (await send("http://mesh.example.com/", {})).text()).toBe("proxy");
  } finally {
    if (previous === undefined) delete process.env.HTTP_PROXY;
    else process.env.HTTP_PROXY = previous;
  }
});

test("an answer is asked for as it is, and not unpacked when it comes otherwise", async () => {
  const packed = Bun.gzipSync(new Uint8Array(64 * 1024 * 1024));
  let asked: string | null = null;
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      asked = request.headers.get("accept-encoding");
      return new Response(packed, { headers: { "content-encoding": "gzip" } });
    },
  });
  const send = createFetch({ env: {} });
  const response = await send(`http://127.0.0.1:${server.port}/`, { headers: { accept: "text/plain" } });
  expect((await response.bytes()).byteLength).toBe(packed.byteLength);
  expect(asked as string | null).toBe("identity");
});
