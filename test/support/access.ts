import type { NewToken, TokenInput } from "../../src/protocol/access.ts";
import type { Answer, TestCoordinator } from "./test-coordinator.ts";

let made = 0;

/** A new token of a coordinator, made with its admin token. */
export async function makeToken(
  mesh: TestCoordinator,
  input: { readonly name?: string } & Omit<Partial<TokenInput>, "name">,
): Promise<NewToken> {
  made += 1;
  const body = { name: `token-${made}`, scopes: ["read"], ...input };
  const answer = await mesh.call("POST", "/api/v1/tokens", { body });
  if (answer.status !== 201) throw new Error(`no token was made: ${answer.text}`);
  return answer.body;
}

/** The value of the cookie that an answer sets, as a `Cookie` header sends it; its attributes are left out. */
export function cookieOf(headers: Headers): string {
  const [pair = ""] = (headers.get("set-cookie") ?? "").split(";");
  return pair;
}

export const asJson = { "content-type": "application/json" } as const;

/** What a browser gets that logs in with this token. */
export function logIn(mesh: TestCoordinator, token: string): Promise<Answer> {
  return mesh.call("POST", "/api/v1/session", { token: null, body: { token }, headers: asJson });
}
