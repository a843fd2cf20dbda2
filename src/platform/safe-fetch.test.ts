import { afterAll, describe, expect, test } from "bun:test";
import { systemClock } from "./clock.ts";
import { checkHost, parseEndpoint } from "./safe-address.ts";
import { createSafeFetch, type SafeRequest } from "./safe-fetch.ts";

const endlessLine = new TextEncoder().encode("x".repeat(64 * 1024));

/** Called when a request that is never answered has arrived. */
let onHanging: () => void = () => {};

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch: (request) => {
    switch (new URL(request.url).pathname) {
      case "/hang":
        onHanging();
        return new Promise<Response>(() => {});
      case "/redirect":
        return Response.redirect("http://169.254.169.254/latest/meta-data", 302);
      case "/endless":
        return new Response(
          new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(endlessLine) }),
        );
      case "/fault":
        return new Response(
          new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(endlessLine) }),
          { status: 500 },
        );
      case "/large":
        return new Response("x".repeat(5000));
      case "/zip":
        return new Response(Bun.gzipSync(new Uint8Array(1_000_000)), {
          headers: { "content-encoding": "gzip" },
        });
      default:
        return Response.json({ host: request.headers.get("host"), method: request.method });
    }
  },
});
afterAll(() => server.stop(true));

const ask = (path: string, more: Partial<SafeRequest> = {}): SafeRequest => ({
  url: `http://node.test:${server.port}${path}`,
  method: "GET",
  timeoutMs: 5000,
  maxBytes: 1000,
  ...more,
});

const toLoopback = () => Promise.resolve(["127.0.0.1"]);
const open = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve: toLoopback });

describe("a guarded request", () => {
  test("reaches the address that was judged under the name that was asked for", async () => {
    const answer = await open(ask("/"));
    expect(answer).toMatchObject({ kind: "answered", status: 200 });
    expect(answer.kind === "answered" && JSON.parse(answer.text)).toEqual({
      host: `node.test:${server.port}`,
      method: "GET",
    });
  });

  test("goes to the judged address even when the name means another one a moment later", async () => {
    const answers = [["127.0.0.1"], ["127.0.0.9"]];
    let asked = 0;
    const resolve = () => Promise.resolve(answers[asked++] ?? []);
    const rebound = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve });
    expect(await rebound(ask("/"))).toMatchObject({ kind: "answered" });
    expect(asked).toBe(1);
  });

  test("is refused when the name turns private, though it was public before", async () => {
    const answers = [["192.0.43.10"], ["127.0.0.1"]];
    let asked = 0;
    const resolve = () => Promise.resolve(answers[asked++] ?? []);
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: false, resolve });
    expect((await checkHost("node.test", { resolve, allowPrivate: false })).kind).toBe("allowed");
    expect(await guarded(ask("/"))).toMatchObject({ kind: "refused", why: "private" });
  });

  test("is refused when one address of many is not allowed", async () => {
    const resolve = () => Promise.resolve(["127.0.0.1", "169.254.169.254"]);
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve });
    expect(await guarded(ask("/"))).toMatchObject({ kind: "refused", why: "never" });
  });

  test("is refused when the name has no address", async () => {
    const resolve = () => Promise.reject(new Error("ENOTFOUND"));
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve });
    expect(await guarded(ask("/"))).toMatchObject({ kind: "refused", why: "unresolved" });
  });

  test.each([
    ["ftp://127.0.0.1/"],
    ["file:///etc/passwd"],
    ["http://user@127.0.0.1/"],
    ["http://user:password@127.0.0.1/"],
    ["http:///"],
    ["nonsense"],
  ])("is refused to %p", async (url) => {
    expect(await open(ask("/", { url }))).toMatchObject({ kind: "refused" });
  });

  test.each([
    ["http://2130706433/"],
    ["http://0x7f000001/"],
    ["http://0177.0.0.1/"],
    ["http://0x7f.1/"],
    ["http://127.1/"],
    ["http://127.0.0.1./"],
    ["http://[::1]/"],
    ["http://[::ffff:127.0.0.1]/"],
    ["http://①②⑦.0.0.1/"],
    ["http://[0:0:0:0:0:ffff:7f00:1]/"],
    ["http://[64:ff9b::7f00:1]/"],
    ["http://10.1/"],
    ["http://0/"],
    ["http://2852039166/"],
    ["http://0xa9fea9fe/"],
    ["http://[::]/"],
    ["http://192.168.257/"],
  ])("without private addresses is refused to %p", async (url) => {
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: false });
    expect(await guarded(ask("/", { url }))).toMatchObject({ kind: "refused" });
  });

  test("reads of an answer that is an error what is wanted of it, however long it is", async () => {
    const answer = await open(ask("/fault", { maxBytes: 10_000_000, maxErrorBytes: 100_000 }));
    expect(answer).toMatchObject({ kind: "answered", status: 500, text: "x".repeat(100_000) });
    expect(await open(ask("/fault", { maxBytes: 300_000 }))).toEqual({ kind: "too_large" });
    expect(await open(ask("/endless", { maxBytes: 300_000, maxErrorBytes: 10 }))).toEqual({
      kind: "too_large",
    });
  });

  test("follows no redirect", async () => {
    expect(await open(ask("/redirect"))).toEqual({
      kind: "redirected",
      status: 302,
      location: "http://169.254.169.254/latest/meta-data",
    });
  });

  test("ends at the size limit", async () => {
    expect(await open(ask("/large"))).toEqual({ kind: "too_large" });
    expect(await open(ask("/endless", { maxBytes: 300_000 }))).toEqual({ kind: "too_large" });
  });

  test("unpacks nothing", async () => {
    const answer = await open(ask("/zip", { maxBytes: 10_000 }));
    expect(answer.kind === "answered" && answer.text.length < 10_000).toBe(true);
  });

  test("ends at its time, and by its signal, and says that it was written", async () => {
    expect(await open(ask("/hang", { timeoutMs: 100 }))).toEqual({ kind: "timed_out", wasWritten: true });
    const controller = new AbortController();
    onHanging = () => controller.abort();
    expect(await open(ask("/hang", { signal: controller.signal }))).toEqual({
      kind: "aborted",
      wasWritten: true,
    });
    expect(await open(ask("/", { signal: AbortSignal.abort() }))).toEqual({
      kind: "aborted",
      wasWritten: false,
    });
  });

  test("ends at its time while the name is looked up", async () => {
    const resolve = () => new Promise<never>(() => {});
    const guarded = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve });
    expect(await guarded(ask("/", { timeoutMs: 50 }))).toEqual({ kind: "timed_out", wasWritten: false });
  });

  test("that nobody takes was never written", async () => {
    expect(await open(ask("/", { url: "http://node.test:1/" }))).toEqual({
      kind: "broken",
      wasWritten: false,
      reason: "ECONNREFUSED",
    });
  });
});

describe("an endpoint", () => {
  test.each([
    ["192.168.1.5:9121", "http://192.168.1.5:9121"],
    ["Mac-Mini.local:80", "http://mac-mini.local:80"],
    ["[::1]:9121", "http://[::1]:9121"],
    ["0x7f.1:9121", "http://127.0.0.1:9121"],
  ])("%p means %p", (text, origin) => expect(parseEndpoint(text)?.origin).toBe(origin));

  test.each([
    [""],
    ["host"],
    ["host:"],
    [":9121"],
    ["host:0"],
    ["host:65536"],
    ["host:99999"],
    ["http://host:1"],
    ["user@host:1"],
    ["host:1/path"],
    ["host/x:1"],
    ["host?x:1"],
    ["host#x:1"],
    ["ho st:1"],
    ["host\\x:1"],
    ["::1:9121x"],
    ["[fe80::1%25eth0]:1"],
    ["host:1\n"],
  ])("%p is none", (text) => expect(parseEndpoint(text)).toBeNull());
});
