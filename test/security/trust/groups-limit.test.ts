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

    const [others, mine] = [await cancelled(admin), await cancelled(caller(mesh, operator))];
    const refused = await caller(mesh, operator)("POST", `/tasks/${others}/retry`, { content: "x" });
    expect([refused.status, refused.body.code]).toEqual([403, "SCOPE_MISSING"]);
    await caller(mesh, operator)("POST", `/tasks/${mine}/retry`, { content: "by operator" });
    const homes = [nodes.desk, nodes.vault];
    const taken = await Promise.race(homes.map(async (home) => ({ home, offer: await home.nextOffer() })));
    taken.home.answer(taken.offer, "done");
    expect(taken.offer.content).toBe("by operator");
  });

  test("has nothing lent when its message runs again by who operates other nodes, and none is in both limits", async () => {
    // It ran on the desk while that was in its groups.
    await admin("PUT", "/groups/guests", { nodes: ["desk"] });
    const answer = mesh.send("hello", { token });
    await answerNext(nodes.desk);
    const { message_id } = (await answer).body;
    await admin("PUT", "/groups/guests", { nodes: ["sandbox"] });
    const operator = await createToken(mesh, "operator", { scopes: ["operate"], groups: ["family"] });
    const { body } = await caller(mesh, operator)("POST", `/tasks/${message_id}/retry`, {});
    const decision = (await admin("GET", `/tasks/${body.id}/decision`)).body;
    expect(decision).toMatchObject({ candidate_count: 0, refused: { counts: { not_allowed: 3 } } });
  });

  test("learns nothing of what rules look for and lead to, whatever becomes of its message", async () => {
    const rules = [
      { match: { source: "s1" }, refuse: true },
      {
        match: { source: "s2", requires_group: "family", requires_tag: "hidden-tag" },
        target: "vault",
        otherwise: "fail",
      },
      { match: { source: "s3", requires_group: "family", requires_tag: "hidden-tag" }, otherwise: "queue" },
      { match: { source: "s*", labels: { team: "hidden-team" } }, target: "vault" },
      { match: { source: "s4", requires_skill: "hidden-skill" } },
    ];
    for (const rule of rules) expect((await admin("POST", "/rules", rule)).status).toBe(201);
    const leaks = /hidden|vault|desk|family|s1|s2|s3|s4/;
    const told: string[] = [];
    for (const source of ["s1", "s2", "s3", "s4"]) {
      const parts = { source, timeout_s: 0.3, labels: { team: "hidden-team" } };
      const texts = [
        await mesh.send("hello", { token, parts }),
        await mesh.send("hello", { token, parts, headers: { accept: "text/event-stream" } }),
        await sender("POST", "/tasks", { content: "hello", ...parts }),
      ].map(({ text }) => text);
      told.push(...texts);
    }
    const { body } = await sender("GET", "/tasks?limit=100");
    for (const { id } of body.tasks) {
      for (const path of [`/tasks/${id}`, `/tasks/${id}/decision`])
        told.push((await sender("GET", path)).text);
    }
    const own = /"source":"s.","session"|"source":"s."|"labels":\{[^}]*\}/g;
    expect(told.map((text) => text.replace(own, "")).filter((text) => leaks.test(text))).toEqual([]);
    expect(told.length).toBeGreaterThan(15);
  });

  test("finds no task by the name of a group that is not its own", async () => {
    await admin("PUT", "/groups/guests", { nodes: ["sandbox"] });
    await admin("PUT", "/groups/both", { nodes: ["sandbox"] });
    const answer = mesh.send("hello", { token });
    await answerNext(nodes.sandbox);
    await answer;
    const count = async (by: ReturnType<typeof caller>, group: string) =>
      (await by("GET", `/tasks?group=${group}`)).body.tasks.length;
    expect(await count(sender, "GUESTS")).toBe(1);
    expect(await count(sender, "both")).toBe(0);
    expect(await count(admin, "both")).toBe(1);
    const { body } = await sender("POST", "/tasks/retry", { filter: { group: "both", state: "succeeded" } });
    expect(body.matched).toBe(0);
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
