import type { FakeNode } from "../../support/fake-node.ts";
import type { Answer, TestCoordinator } from "../../support/test-coordinator.ts";

/** What a token of a test may do. */
export interface TokenParts {
  readonly scopes: readonly string[];
  readonly groups?: readonly string[];
  readonly untrusted?: true;
}

/** Makes a token and gives its text. */
export async function createToken(mesh: TestCoordinator, name: string, parts: TokenParts): Promise<string> {
  const { status, body } = await mesh.call("POST", "/api/v1/tokens", { body: { name, ...parts } });
  if (status !== 201) throw new Error(`no token: ${status} ${JSON.stringify(body)}`);
  return body.token;
}

/** Calls of the API with one token; the admin's when none is given. */
export function caller(mesh: TestCoordinator, token: string = mesh.token) {
  return (method: string, path: string, body?: unknown): Promise<Answer> =>
    mesh.call(method, `/api/v1${path}`, { token, ...(body === undefined ? {} : { body }) });
}

/** Joins nodes by name; each answers nothing by itself. */
export async function joinNodes<Name extends string>(
  mesh: TestCoordinator,
  ...names: readonly Name[]
): Promise<Record<Name, FakeNode>> {
  const joined = await Promise.all(
    names.map(async (name) => [name, await mesh.join({ name: name as never })] as const),
  );
  return Object.fromEntries(joined) as Record<Name, FakeNode>;
}

/** Answers the next offer of a node. @returns the offer */
export async function answerNext(node: FakeNode, text = "done") {
  const offer = await node.nextOffer();
  node.answer(offer, text);
  return offer;
}
