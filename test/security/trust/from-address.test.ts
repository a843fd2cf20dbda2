import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeToken } from "../../support/access.ts";
import { outerAddress } from "../../support/outer-address.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

const address = outerAddress();

describe.skipIf(address === null)("where a message came from", () => {
  let mesh: TestCoordinator;
  beforeAll(async () => {
    mesh = await createTestCoordinator({ host: "0.0.0.0" });
    await mesh.join();
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  /** From this machine's address in its network: loopback is nobody to be told of. */
  const add = async (token: string): Promise<string> => {
    const answer = await fetch(`http://${address}:${mesh.port()}/api/v1/tasks`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ content: "from afar" }),
    });
    return ((await answer.json()) as { readonly id: string }).id;
  };

  test.each(["read", "admin"] as const)("is on record, and shown with the scope %s", async (scope) => {
    const sender = await makeToken(mesh, { scopes: ["send"] });
    const reader = await makeToken(mesh, { scopes: [scope] });
    const id = await add(sender.token);
    const { body } = await mesh.call("GET", `/api/v1/tasks/${id}`, { token: reader.token });
    expect(body).toMatchObject({ id, from_address: address });
  });

  test("is not shown to who may only send, not even of his own", async () => {
    const sender = await makeToken(mesh, { scopes: ["send"] });
    const id = await add(sender.token);
    const { body, text } = await mesh.call("GET", `/api/v1/tasks/${id}`, { token: sender.token });
    expect(body).toMatchObject({ id, from_address: null });
    expect(text).not.toContain(String(address));
  });

  test("is nowhere when it is this machine itself", async () => {
    const { body } = await mesh.call("POST", "/api/v1/tasks", { body: { content: "from here" } });
    expect((await mesh.call("GET", `/api/v1/tasks/${body.id}`)).body.from_address).toBeNull();
  });
});
