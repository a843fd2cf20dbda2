/** A name whose owner answers every question anew: public first, private afterwards. */
import { afterAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { checkHost } from "../../../src/platform/safe-address.ts";
import { createSafeFetch } from "../../../src/platform/safe-fetch.ts";
import { startDnsServer } from "../../support/dns-server.ts";

/** Stands on two addresses of this machine, and tells on which it was reached. */
const reached: string[] = [];
const serveOn = (hostname: string, port: number) =>
  Bun.serve({
    hostname,
    port,
    fetch: (request) => {
      reached.push(hostname);
      return Response.json({ here: hostname, host: request.headers.get("host") });
    },
  });
const first = serveOn("127.0.0.1", 0);
const port = first.port ?? 0;
const second = serveOn("127.0.0.2", port);
afterAll(() => Promise.all([first.stop(true), second.stop(true)]));

const ask = {
  url: `http://rebound.test:${port}/`,
  method: "GET",
  timeoutMs: 5_000,
  maxBytes: 1_000,
} as const;

describe("a name that means another address with every question", () => {
  test("is asked for once, and the connection goes to the address that was judged", async () => {
    await using dns = await startDnsServer(["127.0.0.1", "127.0.0.2"]);
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve: dns.resolve });
    reached.length = 0;
    const answer = await guarded(ask);
    expect(answer.kind === "answered" && JSON.parse(answer.text)).toEqual({
      here: "127.0.0.1",
      host: `rebound.test:${port}`,
    });
    expect({ reached, asked: dns.asked() }).toEqual({ reached: ["127.0.0.1"], asked: 1 });
  });

  test("is judged anew with every request: public at first, then a metadata service", async () => {
    await using dns = await startDnsServer(["127.0.0.1", "169.254.169.254"]);
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve: dns.resolve });
    expect(await guarded(ask)).toMatchObject({ kind: "answered" });
    expect(await guarded(ask)).toMatchObject({ kind: "refused", why: "never" });
  });

  test("is refused when it was public as the node registered, and is private as the node is called", async () => {
    await using dns = await startDnsServer(["192.0.43.10", "127.0.0.1"]);
    const rules = { resolve: dns.resolve, allowPrivate: false };
    expect((await checkHost("rebound.test", rules)).kind).toBe("allowed");
    reached.length = 0;
    const guarded = createSafeFetch({ clock: systemClock, ...rules });
    expect(await guarded(ask)).toMatchObject({ kind: "refused", why: "private" });
    expect(reached).toEqual([]);
  });

  test("is refused when a redirect to itself finds it turned private", async () => {
    await using dns = await startDnsServer(["127.0.0.1", "169.254.169.254"]);
    const moving = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => Response.redirect(new URL("/again", request.url).href, 302),
    });
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve: dns.resolve });
    const url = `http://rebound.test:${moving.port}/`;
    const answer = await guarded({ ...ask, url, followRedirects: 1 });
    await moving.stop(true);
    expect(answer).toMatchObject({ kind: "refused", why: "never" });
    expect(dns.asked()).toBe(2);
  });
});
