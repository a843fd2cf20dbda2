import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { contract } from "../../../src/protocol/http/contract.ts";
import type { RouteContract } from "../../../src/protocol/http/route.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const routes: readonly RouteContract[] = Object.values(contract);
const names = routes.map(({ method, path }) => [method, path] as const);
const fill = (path: string) => path.replace(/\{\w+\}/g, "nobody");

/** What no answer may have: leave for other origins to read it, and what the server is. */
const neverSent = [
  "access-control-allow-origin",
  "access-control-allow-credentials",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "server",
  "x-powered-by",
];

function expectSafe(headers: Headers): void {
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
  for (const name of neverSent) expect({ name, value: headers.get(name) }).toEqual({ name, value: null });
}

describe("every answer says that it is what it is, and for this origin alone", () => {
  test.each(names)("%s %s, without a token", async (method, path) => {
    const { headers } = await mesh.call(method, fill(path), {
      token: null,
      headers: { origin: "http://evil.test" },
    });
    expectSafe(headers);
    if (headers.get("content-type")?.startsWith("application/json") === true) {
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  test.each(names)("%s %s, with the admin token", async (method, path) => {
    const { headers, status } = await mesh.call(method, fill(path));
    expectSafe(headers);
    const isPage = path === "/" || path.startsWith("/page/");
    expect(headers.get("cache-control")).toBe(isPage && status === 200 ? "no-cache" : "no-store");
  });

  test.each([...new Set(routes.map(({ path }) => path)), "/nothing"])(
    "a question of a browser whether another origin may call %s is answered with no",
    async (path) => {
      const { headers, status } = await mesh.call("OPTIONS", fill(path), {
        token: null,
        headers: { origin: "http://evil.test", "access-control-request-method": "POST" },
      });
      expect([404, 405]).toContain(status);
      expectSafe(headers);
    },
  );

  test("a stream", async () => {
    await using node = await mesh.join({ name: "heron" });
    const stream = await mesh.stream("hello");
    node.answer(await node.nextOffer("hello"), "world");
    await stream.text();
    expectSafe(stream.headers);
    expect(stream.headers.get("cache-control")).toBe("no-store");
  });
});

describe("the page", () => {
  test.each(["/", "/page/page.js", "/page/page.css"])(
    "%s runs nothing but itself, in no frame",
    async (path) => {
      const { headers, status } = await mesh.call("GET", path, { token: null });
      expect(status).toBe(200);
      expect(headers.get("content-security-policy")).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      );
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
      expect(headers.get("strict-transport-security")).toBeNull();
    },
  );

  test("has no script or style of its own between its tags", async () => {
    const { text } = await mesh.call("GET", "/", { token: null });
    expect(text).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:/i);
    expect(text.match(/(?:src|href)="[^"]*"/g)).toEqual(['href="/page/page.css"', 'src="/page/page.js"']);
  });

  test("writes what it is told as text, never as HTML", async () => {
    const { text } = await mesh.call("GET", "/page/page.js", { token: null });
    expect(text).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser/,
    );
  });

  test("holds no token, name or version of this mesh", async () => {
    await using node = await mesh.join({ name: "a-name-to-look-for" });
    const { body } = await mesh.call("GET", "/healthz", { token: null });
    for (const path of ["/", "/page/page.js", "/page/page.css"]) {
      const { text, headers } = await mesh.call("GET", path, { token: mesh.token });
      const all = `${text} ${JSON.stringify([...headers])}`;
      for (const secret of [
        mesh.token,
        node.token,
        "a-name-to-look-for",
        body.mesh_id,
        `"${body.version}"`,
      ]) {
        expect(all).not.toContain(String(secret));
      }
    }
  });
});
