import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { FakeNode } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";
import { answerNext, caller, createToken, joinNodes } from "./mesh.ts";

type Home = "desk" | "vault" | "sandbox";

let mesh: TestCoordinator;
let nodes: Record<Home, FakeNode>;
let token: string;
let admin: ReturnType<typeof caller>;
let sender: ReturnType<typeof caller>;
beforeEach(async () => {
  mesh = await createTestCoordinator();
  nodes = await joinNodes(mesh, "desk", "vault", "sandbox");
  admin = caller(mesh);
  await admin("PUT", "/groups/guests", { nodes: ["sandbox"] });
  await admin("PUT", "/groups/family", { nodes: ["desk", "vault"] });
  token = await createToken(mesh, "guest", { scopes: ["send"], groups: ["guests"] });
  sender = caller(mesh, token);
});
afterEach(() => mesh[Symbol.asyncDispose]());

const hidden = /desk|vault|family/;

/** Everything but what names the request. */
const toFacts = ({
  status,
  body,
}: {
  status: number;
  body: { code: string; error: string; hint: string };
}) => ({
  status,
  code: body.code,
  hint: body.hint,
});

describe("a token that is limited to groups", () => {
  test("sends to the nodes of its groups, however many others are free", async () => {
    for (const parts of [{}, { labels: { node: "desk" } }, { source: "admin" }, { session: "s" }]) {
      const answer = mesh.send("@desk --node vault hello", { token, parts });
      await answerNext(nodes.sandbox);
      expect((await answer).body.node_name).toBe("sandbox");
    }
  });

  test("may name its own nodes and groups", async () => {
    for (const to of ["sandbox", "SANDBOX", nodes.sandbox.nodeId, "guests", "Guests"]) {
      const answer = mesh.send("hello", { token, to });
      await answerNext(nodes.sandbox);
      expect((await answer).body.node_name).toBe("sandbox");
    }
  });

  test.each(["desk", "DESK", "family", "id"])(
    "is told of %s what it is told of what is not there",
    async (name) => {
      const to = name === "id" ? nodes.desk.nodeId : name;
      const known = await mesh.send("hello", { token, to });
      const unknown = await mesh.send("hello", { token, to: "nowhere" });
      expect(known.status).toBe(404);
      expect(toFacts(known)).toEqual(toFacts(unknown));
      expect(known.body.error.replace(to, "nowhere")).toBe(unknown.body.error);
      const [queued, missing] = await Promise.all(
        [to, "nowhere"].map((target) => sender("POST", "/tasks", { content: "x", target })),
      );
      expect(queued === undefined ? null : toFacts(queued)).toEqual(
        missing === undefined ? null : toFacts(missing),
      );
      const filter = name === "family" ? "group" : "node";
      const [listed, none] = await Promise.all(
        [to, "nowhere"].map((value) => sender("GET", `/tasks?${filter}=${value}`)),
      );
      expect(listed?.body).toEqual(none?.body);
    },
  );

  test("is not led to other nodes by a rule", async () => {
    await admin("POST", "/rules", { match: { wildcard: true }, target: "desk" });
    const answer = mesh.send("hello", { token });
    await answerNext(nodes.sandbox);
    expect((await answer).body.node_name).toBe("sandbox");
    const strict = { match: { source: "strict" }, target: "vault", otherwise: "fail" };
    const { body } = await admin("POST", "/rules", strict);
    await admin("POST", "/rules/order", { ids: [body.id, ...(await ruleIds(body.id))] });
    const refused = await mesh.send("hello", { token, parts: { source: "strict" } });
    expect({ status: refused.status, code: refused.body.code }).toEqual({
      status: 503,
      code: "NO_NODE_FITS",
    });
    expect(refused.text).not.toMatch(hidden);
  });

  test("learns no name of another node from decisions, errors, events and lists; a reader learns why", async () => {
    await admin("PUT", "/groups/guests", { nodes: ["nobody"] });
    await admin("POST", "/rules", {
      match: { wildcard: true },
      targets: ["desk", "vault"],
      otherwise: "queue",
    });
    // The text holds the name of a group, which the router reads it for.
    const { body } = await sender("POST", "/tasks", { content: "the family" });
    const decision = `/tasks/${body.id}/decision`;
    const seen = await Promise.all(
      [decision, `/tasks/${body.id}`, "/tasks"].map((path) => sender("GET", path)),
    );
    const withoutText = seen.map(({ status, text }) => ({ status, text: text.replace("the family", "") }));
    expect(withoutText.map(({ status, text }) => [status, hidden.test(text)])).toEqual([
      [200, false],
      [200, false],
      [200, false],
    ]);
    const stop = new AbortController();
    const stream = await fetch(`http://127.0.0.1:${mesh.port()}/api/v1/tasks/${body.id}/stream`, {
      headers: { authorization: `Bearer ${token}` },
      signal: stop.signal,
    });
    const first = await stream.body?.getReader().read();
    stop.abort();
    const said = new TextDecoder().decode(first?.value as Uint8Array | undefined);
    expect(said).toContain("decision");
    expect(said).not.toMatch(hidden);
    const told = (await admin("GET", decision)).body;
    expect(told.refused.counts.not_allowed).toBe(3);
    expect(told.refused.named.map(({ name }: { name: string }) => name)).toContain("desk");
    const failed = await mesh.send("hello", { token, parts: { timeout_s: 0.2 } });
    expect(failed.status).toBeGreaterThanOrEqual(500);
    expect(failed.text).not.toMatch(hidden);
  });

  test("loses a node that leaves its groups, for its queued tasks and its conversations, and a group that is deleted", async () => {
    const say = () => mesh.send("x", { token, parts: { session: "s" } });
    for (const home of [nodes.sandbox, nodes.vault]) {
      await admin("PUT", "/groups/guests", { nodes: [home.name] });
      const answer = say();
      await answerNext(home);
      expect((await answer).body.node_name).toBe(home.name);
    }

    const { body } = await sender("POST", "/tasks", {
      content: "later",
      not_before: new Date(Date.now() + 400).toISOString(),
    });
    await admin("DELETE", "/groups/guests");
    const isDue = async () =>
      (await admin("GET", `/tasks/${body.id}/decision`)).body.refused.counts.not_allowed === 3;
    await until("the task waits for a node that it may use", isDue);
    expect((await admin("GET", `/tasks/${body.id}`)).body.state).toBe("queued");
    await admin("PUT", "/groups/guests", { nodes: ["desk"] });
    expect((await answerNext(nodes.desk)).content).toBe("later");
  });

  test("waits for its own nodes, behind nobody who waits for others", async () => {
    await admin("PUT", "/groups/away", { nodes: ["late"] });
    await admin("PUT", "/groups/guests", { nodes: ["never"] });
    const patient = await createToken(mesh, "patient", { scopes: ["send"], groups: ["away"] });
    const { body: stays } = await sender("POST", "/tasks", { content: "first" });
    await caller(mesh, patient)("POST", "/tasks", { content: "second" });
    const late = await mesh.join({ name: "late" as never });
    expect((await answerNext(late)).content).toBe("second");
    expect((await admin("GET", `/tasks/${stays.id}`)).body.state).toBe("queued");
  });

  test("keeps its limit when somebody else has its message run again, and lends none", async () => {
    const operator = await createToken(mesh, "operator", { scopes: ["send", "operate"], groups: ["family"] });
    const [own] = [await cancelled(sender)];
    await admin("POST", `/tasks/${own}/retry`, { content: "by admin" });
    expect((await answerNext(nodes.sandbox)).content).toBe("by admin");
    const [named] = [await cancelled(sender)];
    const elsewhere = await admin("POST", `/tasks/${named}/retry`, { target: "desk" });
    expect(elsewhere.status).toBe(404);

    const [others] = [await cancelled(admin)];
    await caller(mesh, operator)("POST", `/tasks/${others}/retry`, { content: "by operator" });
    const homes = [nodes.desk, nodes.vault];
    const taken = await Promise.race(homes.map(async (home) => ({ home, offer: await home.nextOffer() })));
    taken.home.answer(taken.offer, "done");
    expect(taken.offer.content).toBe("by operator");

    // Nobody's groups are in both limits: there is no node for it.
    const [none] = [await cancelled(sender)];
    const { body } = await caller(mesh, operator)("POST", `/tasks/${none}/retry`, {});
    const decision = (await admin("GET", `/tasks/${body.id}/decision`)).body;
    expect(decision).toMatchObject({ candidate_count: 0, refused: { counts: { not_allowed: 3 } } });
  });

  test("keeps it over a restart", async () => {
    const { body } = await sender("POST", "/tasks", {
      content: "later",
      not_before: new Date(Date.now() + 1_500).toISOString(),
    });
    await mesh.restart();
    const again = await Promise.all(Object.values(nodes).map((node) => mesh.rejoin(node)));
    const sandbox = again.find(({ name }) => name === "sandbox") as FakeNode;
    expect((await answerNext(sandbox)).task as string).toBe(body.id);
  });

  test("has the router explained as it would decide for it", async () => {
    const reader = await createToken(mesh, "reader", { scopes: ["send", "read"], groups: ["guests"] });
    const { body } = await caller(mesh, reader)("POST", "/route/explain", { content: "x" });
    expect(body.ranking.map(({ name }: { name: string }) => name)).toEqual(["sandbox"]);
    expect(body.refused.counts).toEqual({ not_allowed: 2 });
  });
});

async function ruleIds(but: string): Promise<readonly string[]> {
  const { body } = await admin("GET", "/rules");
  return body.map(({ id }: { id: string }) => id).filter((id: string) => id !== but);
}

/** A task that has ended without having run. */
async function cancelled(by: ReturnType<typeof caller>): Promise<string> {
  const not_before = new Date(Date.now() + 3_600_000).toISOString();
  const { body } = await by("POST", "/tasks", { content: "x", not_before });
  await by("POST", `/tasks/${body.id}/cancel`);
  return body.id;
}
