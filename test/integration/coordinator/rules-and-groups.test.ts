import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { FakeNode, FakeNodeOptions } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
let nodes: readonly FakeNode[];
beforeEach(async () => {
  mesh = await createTestCoordinator({
    rules: [{ match: { source: "telegram:*" }, target: "home" }],
    groups: { macs: { match: { os: "darwin" } } },
  });
  const join = (name: string, capabilities: FakeNodeOptions["capabilities"] = {}) =>
    mesh.join({ name: name as never, capabilities });
  nodes = [await join("home"), await join("mac", { os: "darwin" }), await join("box", { gpu: true })];
});
afterEach(() => mesh[Symbol.asyncDispose]());

const api = (method: string, path: string, body?: unknown) =>
  mesh.call(method, `/api/v1${path}`, body === undefined ? {} : { body });
const explain = async (content: string, parts: object = {}) =>
  (await api("POST", "/route/explain", { content, ...parts })).body;
const goesTo = async (content: string, parts: object = {}) =>
  (await explain(content, parts)).ranking.map(({ name }: { name: string }) => name);

describe("rules", () => {
  test("of the configuration file come first, read-only, with their origin", async () => {
    const { status, body: added } = await api("POST", "/rules", { match: { wildcard: true }, target: "box" });
    expect(status).toBe(201);
    const { body: rules } = await api("GET", "/rules");
    expect(rules).toMatchObject([
      { origin: "config", target: "home" },
      { origin: "api", id: added.id, target: "box" },
    ]);
    const fixed = rules[0].id;
    for (const [method, path, body] of [
      ["PUT", `/rules/${fixed}`, { match: { wildcard: true } }],
      ["DELETE", `/rules/${fixed}`],
      ["POST", "/rules/order", { ids: [fixed, added.id] }],
    ] as const) {
      expect(await api(method, path, body)).toMatchObject({ status: 409, body: { code: "RULE_READ_ONLY" } });
    }
    expect(await goesTo("x", { source: "telegram:1" })).toEqual(["home"]);
    expect(await goesTo("x")).toEqual(["box"]);
  });

  test("are tried in their order, can be put in another, replaced and removed, and outlive a restart", async () => {
    const add = async (target: string) =>
      (await api("POST", "/rules", { match: { wildcard: true }, target })).body.id as string;
    const [one, two] = [await add("mac"), await add("box")];
    expect(await goesTo("x")).toEqual(["mac"]);
    const { body: ordered } = await api("POST", "/rules/order", { ids: [two, one] });
    expect(ordered.map(({ id }: { id: string }) => id).slice(1)).toEqual([two, one]);
    expect(await goesTo("x")).toEqual(["box"]);
    await api("PUT", `/rules/${two}`, { match: { content: ["deploy"] }, target: "home" });
    expect(await goesTo("x")).toEqual(["mac"]);
    expect(await goesTo("deploy it")).toEqual(["home"]);

    await mesh.restart();
    for (const node of nodes) await mesh.rejoin(node);
    expect(await goesTo("x")).toEqual(["mac"]);
    expect(await goesTo("deploy it")).toEqual(["home"]);
    expect((await api("GET", "/rules")).body.map(({ id }: { id: string }) => id).slice(1)).toEqual([
      two,
      one,
    ]);
    expect((await api("DELETE", `/rules/${one}`)).status).toBe(204);
    expect((await api("DELETE", `/rules/${one}`)).body.code).toBe("RULE_NOT_FOUND");
    expect((await goesTo("x")).toSorted()).toEqual(["box", "home", "mac"]);
  });

  test("that do not fit are refused, and an order must name all of them once", async () => {
    for (const rule of [
      { match: {} },
      { match: { wildcard: true, requires_gpu: true } },
      { match: { content: "/(/" } },
    ]) {
      expect(await api("POST", "/rules", rule)).toMatchObject({
        status: 400,
        body: { code: "RULE_INVALID" },
      });
    }
    const { body } = await api("POST", "/rules", { match: { wildcard: true } });
    for (const ids of [[], [body.id, body.id]]) {
      expect((await api("POST", "/rules/order", { ids })).body.code).toBe("RULE_INVALID");
    }
    expect((await api("GET", "/rules")).body).toHaveLength(2);
  });

  test("of a broken configuration stop the start", async () => {
    await expect(mesh.restart({ rules: [{ match: {} }] })).rejects.toMatchObject({ code: "RULE_INVALID" });
    await mesh.restart();
  });
});

describe("groups", () => {
  test("of the configuration file are read-only, with their origin", async () => {
    expect((await api("GET", "/groups")).body).toMatchObject([{ name: "macs", origin: "config" }]);
    for (const method of ["PUT", "DELETE"]) {
      const body = method === "PUT" ? { nodes: ["home"] } : undefined;
      expect(await api(method, "/groups/Macs", body)).toMatchObject({
        status: 409,
        body: { code: "GROUP_READ_ONLY" },
      });
    }
    expect(await goesTo("x", { target: "macs" })).toEqual(["mac"]);
    expect((await api("GET", "/nodes/mac")).body.groups).toEqual(["macs"]);
  });

  test("made by the API are routed by at once, and outlive a restart", async () => {
    expect((await api("PUT", "/groups/strong", { match: { gpu: true }, nodes: ["home"] })).status).toBe(200);
    expect((await goesTo("x", { target: "strong" })).toSorted()).toEqual(["box", "home"]);
    await mesh.restart();
    for (const node of nodes) await mesh.rejoin(node);
    expect((await goesTo("x", { target: "STRONG" })).toSorted()).toEqual(["box", "home"]);
    expect((await api("DELETE", "/groups/strong")).status).toBe(204);
    expect((await api("DELETE", "/groups/strong")).body.code).toBe("GROUP_NOT_FOUND");
    expect((await api("POST", "/route/explain", { content: "x", target: "strong" })).body.code).toBe(
      "NODE_NOT_FOUND",
    );
  });

  test("cannot take the name of a node, in any case", async () => {
    expect(await api("PUT", "/groups/HOME", { nodes: ["box"] })).toMatchObject({
      status: 409,
      body: { code: "NAME_TAKEN" },
    });
  });
});

describe("explain", () => {
  test("decides without sending: rule, ranking, and why the others are not", async () => {
    await api("POST", "/rules", { match: { requires_gpu: true }, target: "box" });
    const decision = await explain("use the cuda cores", { requires: { gpu: true } });
    expect(decision).toMatchObject({
      outcome: "assigned",
      rule: { origin: "api", target: "box" },
      ranking: [{ name: "box" }],
      refused: { counts: { not_capable: 2 } },
    });
    expect(nodes.flatMap((node) => node.frames.filter((frame) => frame.type === "offer"))).toEqual([]);
  });

  test("says what would unblock a message that nobody can take", async () => {
    const decision = await explain("x", { requires: { os: "windows" } });
    expect(decision).toMatchObject({ outcome: "unroutable", unblock: [{ needs: "a node with os=windows" }] });
  });
});

test("nodes are listed by name, in pages", async () => {
  const first = await api("GET", "/nodes?limit=2");
  expect(first.body.map(({ name }: { name: string }) => name)).toEqual(["box", "home"]);
  const next = /<([^>]+)>; rel="next"/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
  const second = await mesh.call("GET", next);
  expect(second.body.map(({ name }: { name: string }) => name)).toEqual(["mac"]);
  expect(second.headers.get("link")).toBeNull();
});
