import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { FakeNode } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";
import { answerNext, caller, createToken, joinNodes } from "./mesh.ts";

let mesh: TestCoordinator;
let desk: FakeNode;
let admin: ReturnType<typeof caller>;
beforeEach(async () => {
  mesh = await createTestCoordinator();
  ({ desk } = await joinNodes(mesh, "desk"));
  admin = caller(mesh);
});
afterEach(() => mesh[Symbol.asyncDispose]());

const refuseUntrusted = { match: { untrusted: true }, refuse: true };
const untrusted = { untrusted: true };

describe("a rule that refuses the untrusted label", () => {
  test("refuses a message whose sender waits, wherever it wants to go, and says by which rule", async () => {
    await admin("POST", "/rules", refuseUntrusted);
    for (const to of [undefined, "desk", desk.nodeId]) {
      const { status, body } = await mesh.send("hello", {
        parts: untrusted,
        ...(to === undefined ? {} : { to }),
      });
      expect({ status, code: body.code }).toEqual({ status: 403, code: "REFUSED_BY_RULE" });
      expect(body.details.decision).toMatchObject({
        outcome: "refused",
        untrusted: true,
        rule: { position: 1, text: "untrusted:true" },
      });
    }
    const answer = mesh.send("hello");
    await answerNext(desk);
    expect((await answer).status).toBe(200);
  });

  test("refuses a message of a conversation that was taken before", async () => {
    const say = () => mesh.send("hello", { parts: { session: "s", untrusted: true } });
    const answer = say();
    await answerNext(desk);
    expect((await answer).status).toBe(200);
    await admin("POST", "/rules", refuseUntrusted);
    expect((await say()).body.code).toBe("REFUSED_BY_RULE");
  });

  test("refuses a queued one before it is accepted, also one whose time is to come; nothing is kept", async () => {
    await admin("POST", "/rules", refuseUntrusted);
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    for (const parts of [{}, { target: "desk" }, { not_before: inAnHour }]) {
      const { status, body } = await admin("POST", "/tasks", { content: "x", ...untrusted, ...parts });
      expect({ status, code: body.code }).toEqual({ status: 403, code: "REFUSED_BY_RULE" });
    }
    expect((await admin("GET", "/tasks")).body.tasks).toEqual([]);
  });

  test("ends a queued one that was accepted before the rule was there", async () => {
    const waiting = { content: "x", requires: { os: "darwin" }, ...untrusted };
    const { body } = await admin("POST", "/tasks", waiting);
    expect(body.state).toBe("queued");
    await admin("POST", "/rules", refuseUntrusted);
    const task = await until("the task has ended", async () => {
      const found = (await admin("GET", `/tasks/${body.id}`)).body;
      return found.state === "queued" ? null : found;
    });
    expect(task).toMatchObject({
      state: "failed",
      failure: { class: "refused", message: "Rule 1 refuses this message." },
    });
    expect((await admin("GET", `/tasks/${body.id}/decision`)).body.outcome).toBe("refused");
    const retried = await admin("POST", `/tasks/${body.id}/retry`, {});
    expect(retried.body.code).toBe("REFUSED_BY_RULE");
  });

  test("ends the wait of a sender whose message was accepted before the rule was there", async () => {
    await mesh.join({ name: "busy" as never, slots: 1, capabilities: { os: "darwin" } });
    const need = { requires: { os: "darwin" } };
    const stop = new AbortController();
    const first = mesh.send("holds the slot", { parts: need, signal: stop.signal }).catch(() => null);
    const isHeld = async () => (await admin("GET", "/tasks?state=running")).body.tasks.length === 1;
    await until("the slot is taken", isHeld);
    const second = mesh.send("waits", { parts: { ...need, ...untrusted } });
    const isWaiting = async () => (await admin("GET", "/tasks?state=queued")).body.tasks.length === 1;
    await until("the message waits", isWaiting);
    await admin("POST", "/rules", refuseUntrusted);
    const { status, body } = await second;
    expect({ status, code: body.code }).toEqual({ status: 403, code: "REFUSED_BY_RULE" });
    expect(body.details).toMatchObject({ failure: { class: "refused" }, decision: { outcome: "refused" } });
    stop.abort();
    await first;
  });

  test("is shown by route explain, and in the list of rules", async () => {
    await admin("POST", "/rules", refuseUntrusted);
    const explain = async (parts: object) =>
      (await admin("POST", "/route/explain", { content: "x", ...parts })).body;
    expect(await explain(untrusted)).toMatchObject({ outcome: "refused", ranking: [], unblock: [] });
    expect((await explain({})).outcome).toBe("assigned");
    expect((await admin("GET", "/rules")).body).toMatchObject([refuseUntrusted]);
  });

  test("may refuse all that no rule before it leads", async () => {
    await admin("POST", "/rules", { match: { source: "cli" }, target: "desk" });
    await admin("POST", "/rules", { match: { wildcard: true }, refuse: true });
    expect((await mesh.send("x", { parts: { source: "web" } })).body.code).toBe("REFUSED_BY_RULE");
    const answer = mesh.send("x", { parts: { source: "cli" } });
    await answerNext(desk);
    expect((await answer).status).toBe(200);
  });

  test.each([
    { target: "desk" },
    { targets: ["desk"] },
    { strategy: "random" },
    { otherwise: "queue" },
    { refuse: false },
  ])("is no rule with %j beside it", async (beside) => {
    const { status } = await admin("POST", "/rules", { ...refuseUntrusted, ...beside });
    expect(status).toBe(400);
  });

  test("comes from the configuration file, too", async () => {
    await mesh.restart({ rules: [refuseUntrusted as never] });
    expect((await mesh.send("x", { parts: untrusted })).body.code).toBe("REFUSED_BY_RULE");
  });
});

describe("what a refusal tells", () => {
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

  test.each(["waiting", "stream", "queued", "later", "retried"])(
    "a sender: which rule refused, and not what it looks for; a reader: all (%s)",
    async (how) => {
      const later = { content: "hello", not_before: inAnHour() };
      const scopes = { sender: ["send"], reader: ["send", "read"] };
      for (const [name, given] of Object.entries(scopes)) {
        const token = await createToken(mesh, `${name}-${how}`, { scopes: given });
        const by = caller(mesh, token);
        const before = how === "retried" ? (await by("POST", "/tasks", later)).body.id : null;
        if (before !== null) await by("POST", `/tasks/${before}/cancel`);
        const { body: rule } = await admin("POST", "/rules", {
          match: { content: ["hello"], source: "*" },
          refuse: true,
        });
        const accept = how === "stream" ? "text/event-stream" : "application/json";
        const calls: Record<string, () => Promise<{ readonly text: string }>> = {
          waiting: () => mesh.send("hello", { token }),
          stream: () => mesh.send("hello", { token, headers: { accept } }),
          queued: () => by("POST", "/tasks", { content: "hello" }),
          later: () => by("POST", "/tasks", later),
          retried: () => by("POST", `/tasks/${before}/retry`, {}),
        };
        const text = (await calls[how]?.())?.text ?? "";
        expect(text).toContain("REFUSED_BY_RULE");
        expect(text).toContain("Rule 1 ");
        expect(text.includes("content:hello")).toBe(name === "reader");
        await admin("DELETE", `/rules/${rule.id}`);
      }
    },
  );

  test("a sender whose task it ended later, in the task, its decision and its stream", async () => {
    const token = await createToken(mesh, "sender", { scopes: ["send"] });
    const by = caller(mesh, token);
    const { body } = await by("POST", "/tasks", { content: "hello", requires: { os: "darwin" } });
    await admin("POST", "/rules", { match: { content: ["hello"] }, refuse: true });
    await until(
      "the task has ended",
      async () => (await by("GET", `/tasks/${body.id}`)).body.state === "failed",
    );
    for (const path of ["", "/decision", "/stream"]) {
      const told = (await by("GET", `/tasks/${body.id}${path}`)).text;
      expect(told).toContain(path === "/decision" ? "refused" : "Rule 1 refuses this message.");
      expect(told).not.toContain("content:hello");
      const full = (await admin("GET", `/tasks/${body.id}${path}`)).text;
      if (path !== "") expect(full).toContain("content:hello");
    }
  });
});
