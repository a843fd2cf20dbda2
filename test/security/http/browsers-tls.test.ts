import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { tlsOptions } from "../../../src/platform/tls/trust.ts";
import { createTlsMesh, type TlsMesh } from "../tls/tls-world.ts";

let mesh: TlsMesh;
beforeAll(async () => {
  mesh = await createTlsMesh({ allowedHosts: ["mesh.example.com"] });
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** Without a token, as a browser asks. */
const ask = (path: string, init: RequestInit) =>
  fetch(mesh.url() + path, { ...init, tls: tlsOptions(mesh.trust()) } as RequestInit);

const logIn = (headers: Readonly<Record<string, string>>) =>
  ask("/api/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ token: mesh.token.reveal() }),
  });

describe("under TLS", () => {
  test("the coordinator's own page is one of https", async () => {
    expect((await logIn({ origin: mesh.url() })).status).toBe(200);
    expect((await logIn({ origin: mesh.url().replace("https", "http") })).status).toBe(403);
    expect((await logIn({ origin: "https://evil.test" })).status).toBe(403);
  });

  test.each([
    ["https://mesh.example.com", 200],
    // Anybody on its way could have written this page.
    ["http://mesh.example.com", 403],
  ])("a page at %s of an allowed name gets %d", async (origin, status) => {
    const host = "mesh.example.com";
    expect((await logIn({ host, origin })).status).toBe(status);
    const cookie = (await logIn({ origin: mesh.url() })).headers.get("set-cookie")?.split(";")[0] ?? "";
    expect((await ask("/api/v1/nodes", { headers: { host, origin, cookie } })).status).toBe(status);
  });

  test("a login's cookie is for this host, for TLS, for no script and for no other site", async () => {
    const answer = await logIn({ origin: mesh.url() });
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toStartWith("__Host-claw_mesh_session=");
    for (const part of ["Path=/", "HttpOnly", "SameSite=Strict", "Secure"]) expect(cookie).toContain(part);
    expect(cookie).not.toContain("Domain");
    const [pair = ""] = cookie.split(";");
    const list = (shown: string) => ask("/api/v1/nodes", { headers: { cookie: shown } });
    expect((await list(pair)).status).toBe(200);
    expect((await list(pair.replace("__Host-", ""))).status).toBe(401);
  });

  test.each([
    ["mesh.example.com", "max-age=2592000"],
    ["mesh.example.com:9180", "max-age=2592000"],
    ["localhost", null],
    ["127.0.0.1", null],
  ])("a browser that came by %s is told %j of TLS", async (host, told) => {
    const { headers, status } = await mesh.call("/", { headers: { host } });
    expect(status).toBe(200);
    expect(headers.get("strict-transport-security")).toBe(told);
  });
});
