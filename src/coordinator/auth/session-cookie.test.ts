import { expect, test } from "bun:test";
import { printSessionCookie, readSessionCookie } from "./session-cookie.ts";

test("no script, no other site and no other path gets the cookie", () => {
  expect(printSessionCookie("abc", 60, false)).toBe(
    "claw_mesh_session=abc; Max-Age=60; Path=/; HttpOnly; SameSite=Strict",
  );
});

test("over TLS no other host can set it, and it never leaves TLS", () => {
  expect(printSessionCookie("abc", 60, true)).toBe(
    "__Host-claw_mesh_session=abc; Max-Age=60; Path=/; HttpOnly; SameSite=Strict; Secure",
  );
});

test.each([
  ["claw_mesh_session=abc", "abc"],
  ["other=1; claw_mesh_session=abc; more=2", "abc"],
  ["other=claw_mesh_session=abc", null],
  ["xclaw_mesh_session=abc", null],
  ["CLAW_MESH_SESSION=abc", null],
  ["__Host-claw_mesh_session=abc", null],
  ["claw_mesh_session", null],
  ["", null],
  // Which of the two a browser meant cannot be known.
  ["claw_mesh_session=abc; claw_mesh_session=def", null],
  ["claw_mesh_session=abc; claw_mesh_session=abc", null],
])("in %j it is %j", (header, value) => {
  expect(readSessionCookie(header, false)).toBe(value);
});

test("over TLS a cookie without the prefix does not count", () => {
  expect(readSessionCookie("claw_mesh_session=abc", true)).toBeNull();
  expect(readSessionCookie("claw_mesh_session=abc; __Host-claw_mesh_session=def", true)).toBe("def");
});
