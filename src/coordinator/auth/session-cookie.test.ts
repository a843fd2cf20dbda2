import { expect, test } from "bun:test";
import { printSessionCookie, readSessionCookies } from "./session-cookie.ts";

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

const valuesOf = (header: string, onlySecure: boolean) =>
  readSessionCookies(header, onlySecure).map(({ value, isSecure }) => [value, isSecure]);

test.each([
  ["claw_mesh_session=abc", [["abc", false]]],
  ["other=1; claw_mesh_session=abc; more=2", [["abc", false]]],
  ["other=claw_mesh_session=abc", []],
  ["xclaw_mesh_session=abc", []],
  ["CLAW_MESH_SESSION=abc", []],
  ["__host-claw_mesh_session=abc", []],
  ["claw_mesh_session", []],
  ["", []],
  // Which of the two a browser meant cannot be known.
  ["claw_mesh_session=abc; claw_mesh_session=def", []],
  ["claw_mesh_session=abc; claw_mesh_session=abc", []],
  // A proxy in front speaks TLS: only a page that came over it can have set this one, so it counts first.
  ["__Host-claw_mesh_session=abc", [["abc", true]]],
  [
    "claw_mesh_session=abc; __Host-claw_mesh_session=def",
    [
      ["def", true],
      ["abc", false],
    ],
  ],
] as const)("in %j it is %j", (header, found) => {
  expect(valuesOf(header, false)).toEqual(found.map(([value, isSecure]) => [value, isSecure]));
});

test("over TLS of our own a cookie without the prefix does not count", () => {
  expect(valuesOf("claw_mesh_session=abc", true)).toEqual([]);
  expect(valuesOf("claw_mesh_session=abc; __Host-claw_mesh_session=def", true)).toEqual([["def", true]]);
});
