/** A redirect is an address from outside like the first. */
import { afterAll, describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { createSafeFetch, maxRedirects, type SafeRequest } from "../../../src/platform/safe-fetch.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly cookie: string | null;
  readonly accept: string | null;
  readonly body: string;
}

const seen: Seen[] = [];
const serve = () =>
  Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const { headers, method } = request;
      const [authorization, cookie, accept] = ["authorization", "cookie", "accept"].map((name) =>
        headers.get(name),
      );
      seen.push({
        method,
        path: pathname,
        authorization: authorization ?? null,
        cookie: cookie ?? null,
        accept: accept ?? null,
        body: await request.text(),
      });
      const location = searchParams.get("to");
      if (location === null) return new Response("arrived");
      return new Response(null, { status: Number(searchParams.get("as") ?? 302), headers: { location } });
    },
  });
const server = serve();
const other = serve();
afterAll(() => Promise.all([server.stop(true), other.stop(true)]));

const resolve = () => Promise.resolve(["127.0.0.1"]);
const open = createSafeFetch({ clock: systemClock, allowPrivate: true, resolve });
const origin = `http://node.test:${server.port}`;
const elsewhere = `http://other.test:${other.port}/`;

const to = (location: string, status = 302) => `${origin}/?as=${status}&to=${encodeURIComponent(location)}`;
const ask = (url: string, more: Partial<SafeRequest> = {}) => {
  seen.length = 0;
  return open({ url, method: "GET", timeoutMs: 5_000, maxBytes: 1_000, followRedirects: 3, ...more });
};

describe("a redirect", () => {
  test.each([301, 302, 303, 307, 308])(
    "of status %d is an answer, never followed unasked",
    async (status) => {
      const answer = await ask(to("/there", status), { followRedirects: 0 });
      expect(answer).toEqual({ kind: "redirected", status, location: "/there" });
      expect(seen).toHaveLength(1);
    },
  );

  test.each([
    ["this network", "http://0.0.0.0/"],
    ["a metadata service", "http://169.254.169.254/latest/meta-data/"],
    ["a metadata service in one number", "http://2852039166/"],
    ["a metadata service, mapped", "http://[::ffff:169.254.169.254]/"],
    ["a metadata service by name", "http://metadata.google.internal/"],
    ["multicast", "http://224.0.0.1/"],
  ])("to %s is refused where redirects are followed", async (_, location) => {
    expect(await ask(to(location))).toMatchObject({ kind: "refused", why: "never" });
  });

  test("to a private address is refused when those are", async () => {
    // The first is taken for public, so that only the second is judged.
    const strict = createSafeFetch({
      clock: systemClock,
      allowPrivate: false,
      resolve: () => Promise.resolve(["127.0.0.1"]),
    });
    expect(await strict({ url: to("/x"), method: "GET", timeoutMs: 1_000, maxBytes: 10 })).toMatchObject({
      kind: "refused",
      why: "private",
    });
  });

  test.each([
    ["a file", "file:///etc/passwd"],
    ["another scheme", "ftp://node.test/"],
    ["a user and a password", "http://user:password@node.test/"],
    ["nonsense", "http://["],
  ])("to %s stays an answer", async (_, location) => {
    expect(await ask(to(location))).toMatchObject({ kind: "redirected", status: 302 });
    expect(seen).toHaveLength(1);
  });

  test("of another kind, such as 304 or 305, stays an answer", async () => {
    expect(await ask(to("/there", 305))).toMatchObject({ kind: "redirected", status: 305 });
  });

  test("is followed when that was asked for, also from a relative address", async () => {
    expect(await ask(to("/there"))).toMatchObject({ kind: "answered", text: "arrived" });
    expect(seen.map(({ path }) => path)).toEqual(["/", "/there"]);
  });

  test(`is followed ${maxRedirects} times at most, whatever is asked for`, async () => {
    const endless = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        seen.push({
          method: "GET",
          path: request.url,
          authorization: null,
          cookie: null,
          accept: null,
          body: "",
        });
        return Response.redirect("/", 302);
      },
    });
    const answer = await ask(`http://node.test:${endless.port}/`, { followRedirects: 100 });
    await endless.stop(true);
    expect(answer).toMatchObject({ kind: "redirected", status: 302 });
    expect(seen).toHaveLength(1 + maxRedirects);
  });

  const headers = { authorization: "Bearer key", cookie: "a=b", accept: "text/plain" };
  test("to the same origin takes the headers along", async () => {
    await ask(to("/there"), { headers });
    expect(seen[1]).toMatchObject(headers);
  });

  test("to another origin takes along nothing that tells who asks", async () => {
    await ask(to(elsewhere), { headers });
    expect(seen[1]).toMatchObject({ authorization: null, cookie: null, accept: "text/plain" });
  });

  test.each([
    [301, "GET", ""],
    [302, "GET", ""],
    [303, "GET", ""],
    [307, "POST", "work"],
    [308, "POST", "work"],
  ])("of status %d turns a POST into %s", async (status, method, body) => {
    await ask(to("/there", status), { method: "POST", body: "work" });
    expect(seen[1]).toMatchObject({ method, body });
  });

  test("that leads nowhere does not make the first request unwritten", async () => {
    expect(await ask(to("http://node.test:1/"))).toMatchObject({ kind: "broken", wasWritten: true });
  });
});
