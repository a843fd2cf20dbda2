import { afterAll, beforeAll, expect, test } from "bun:test";
import { tlsOptions } from "../../../src/platform/tls/trust.ts";
import { cookieOf } from "../../support/access.ts";
import { createTlsMesh, type TlsMesh } from "../tls/tls-world.ts";

let mesh: TlsMesh;
beforeAll(async () => {
  mesh = await createTlsMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const logIn = () =>
  mesh.call("/api/v1/session", { method: "POST", body: JSON.stringify({ token: mesh.token.reveal() }) });

const asBrowser = (cookie: string) =>
  fetch(`${mesh.url()}/api/v1/nodes`, { headers: { cookie }, tls: tlsOptions(mesh.trust()) } as RequestInit);

test("the cookie never leaves TLS, and no other host of the domain can set it", async () => {
  const { headers } = await logIn();
  expect(headers.get("set-cookie")).toMatch(
    /^__Host-claw_mesh_session=[0-9a-f]{64}; Max-Age=(?:43200|43199); Path=\/; HttpOnly; SameSite=Strict; Secure$/,
  );
  expect((await asBrowser(cookieOf(headers))).status).toBe(200);
});

test("one without the prefix of its name, as another host could set it, does not count", async () => {
  const cookie = cookieOf((await logIn()).headers).replace("__Host-", "");
  expect((await asBrowser(cookie)).status).toBe(401);
});
