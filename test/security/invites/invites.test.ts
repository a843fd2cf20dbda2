import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Invite } from "../../../src/protocol/access.ts";
import { closeCodes } from "../../../src/protocol/link/v1/frames.ts";
import { makeToken } from "../../support/access.ts";
import { registerClassic } from "../../support/classic-node.ts";
import { type FakeNodeOptions, nextInstance } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator({ groups: { configured: { match: { tag: "x" } } } });
});
afterEach(() => mesh[Symbol.asyncDispose]());

/** Also what is none. */
type Input = Readonly<Record<string, unknown>>;

const invite = (body: Input = {}, token = mesh.token) =>
  mesh.call("POST", "/api/v1/invites", { body, token });
const code = async (body: Input = {}) => ((await invite(body)).body as Invite).code;
const named = (name: string) => ({ name: name as NonNullable<FakeNodeOptions["name"]> });
const nodeInfo = async (name: string) => (await mesh.call("GET", `/api/v1/nodes/${name}`)).body;
const putGroup = (name: string, body: unknown) => mesh.call("PUT", `/api/v1/groups/${name}`, { body });
const group = async (name: string) =>
  (await mesh.call("GET", "/api/v1/groups")).body.find((one: { name: string }) => one.name === name);

const direct = (bearer: string, name: string, port = 9121) =>
  registerClassic(`http://127.0.0.1:${mesh.port()}`, bearer, { name, endpoint: `127.0.0.1:${port}` });

/** Both ways to join, as far as an invite is concerned. */
const ways = {
  link: async (token: string, name: string) => {
    try {
      const node = await mesh.join({ token, ...named(name) });
      return { isIn: true, nodeId: node.nodeId as string, told: "" };
    } catch (error) {
      return { isIn: false, nodeId: "", told: String(error) };
    }
  },
  direct: async (token: string, name: string) => {
    const response = await direct(token, name, 9121 + name.length);
    const text = await response.text();
    return { isIn: response.status === 201, nodeId: response.ok ? JSON.parse(text).node_id : "", told: text };
  },
} as const;

describe.each(Object.keys(ways) as readonly (keyof typeof ways)[])("an invite, over the %s", (way) => {
  const joinWith = ways[way];

  test("lets one machine in unless it says more", async () => {
    const token = await code();
    expect((await joinWith(token, "first")).isIn).toBeTrue();
    expect(await joinWith(token, "second-one")).toMatchObject({
      isIn: false,
      told: expect.stringContaining("INVITE_INVALID"),
    });
  });

  test("lets in as many as it says, and not one more", async () => {
    const token = await code({ uses: 3 });
    const joined: boolean[] = [];
    for (const name of ["a", "bb", "ccc", "dddd"]) joined.push((await joinWith(token, name)).isIn);
    expect(joined).toEqual([true, true, true, false]);
  });

  test("for one name lets in no other, says which it is for, and stays good for that", async () => {
    const token = await code({ name: "gpu-box" });
    const other = await joinWith(token, "mac");
    expect(other.isIn).toBeFalse();
    expect(other.told).toContain("gpu-box");
    expect((await joinWith(token, "GPU-Box")).isIn).toBeTrue();
  });

  test("gives its tags as the operator's, and its groups", async () => {
    await putGroup("training", { match: { gpu: true } });
    await putGroup("quiet", { nodes: ["somebody"] });
    const token = await code({ tags: ["red", "big"], groups: ["Training", "quiet"] });
    const { nodeId } = await joinWith(token, "member");
    const info = await nodeInfo("member");
    expect(info.capabilities.tags.toSorted()).toEqual(["big", "red"]);
    expect(info.groups.toSorted()).toEqual(["quiet", "training"]);
    expect(await group("quiet")).toMatchObject({ nodes: ["somebody", nodeId] });
    expect(await group("training")).toMatchObject({ nodes: [nodeId], match: { gpu: true } });
    // An operator may take them away again, which a node's own word cannot undo.
    await mesh.call("PATCH", "/api/v1/nodes/member", { body: { remove_tags: ["red"] } });
    expect((await nodeInfo("member")).capabilities.tags).toEqual(["big"]);
  });

  test("lets nobody in after it was revoked", async () => {
    const made = (await invite()).body as Invite;
    expect((await mesh.call("DELETE", `/api/v1/invites/${made.id}`)).status).toBe(204);
    expect((await joinWith(made.code, "late")).isIn).toBeFalse();
    expect((await mesh.call("DELETE", `/api/v1/invites/${made.id}`)).body.code).toBe("INVITE_NOT_FOUND");
  });

  test.each([
    [1, 12],
    [5, 20],
  ])("of %i is taken by exactly so many when %i machines race for it", async (uses, machines) => {
    const token = await code({ uses });
    const names = Array.from({ length: machines }, (_, at) => "m".repeat(at + 1));
    const joined = await Promise.all(names.map((name) => joinWith(token, name)));
    expect(joined.filter(({ isIn }) => isIn)).toHaveLength(uses);
    expect((await mesh.call("GET", "/api/v1/nodes")).body).toHaveLength(uses);
  });

  test("that is wrong lets nobody in, and is a guess", async () => {
    const wrong = (at: number) => `cmi_${String(at).padStart(32, "0")}`;
    for (let at = 0; at < 10; at += 1) {
      const { isIn, told } = await joinWith(wrong(at), `guess-${"x".repeat(at)}`);
      expect([isIn, told]).toEqual([false, expect.any(String)]);
    }
    const answer = await mesh.call("GET", "/api/v1/nodes", { token: "an unknown one".replaceAll(" ", "-") });
    expect([answer.status, answer.body.code]).toEqual([429, "TOO_MANY_TRIES"]);
  });
});

describe.each(Object.keys(ways) as readonly (keyof typeof ways)[])(
  "an invite that was good once, over the %s",
  (way) => {
    const joinWith = ways[way];
    /** What ended an invite: it gives its code. */
    const endings = {
      "used up": async () => {
        const token = await code();
        await mesh.join({ token, ...named("user") });
        return token;
      },
      "used up before a restart": async () => {
        const token = await code();
        await mesh.join({ token, ...named("user") });
        await mesh.restart();
        return token;
      },
      revoked: async () => {
        const made = (await invite()).body as Invite;
        await mesh.call("DELETE", `/api/v1/invites/${made.id}`);
        return made.code;
      },
      "used up and revoked": async () => {
        const made = (await invite()).body as Invite;
        await mesh.join({ token: made.code, ...named("user") });
        await mesh.call("DELETE", `/api/v1/invites/${made.id}`);
        return made.code;
      },
      expired: async () => {
        const token = await code();
        const database = new Database(join(mesh.dataDir, "mesh.db"));
        database.run("update invites set expires_at_ms = ?", [Date.now()]);
        database.close();
        return token;
      },
    } as const;
    const endingNames = Object.keys(endings) as readonly (keyof typeof endings)[];

    test.each(endingNames)("and is %s is no guess", async (ending) => {
      const token = await endings[ending]();
      for (let at = 0; at < 12; at += 1) {
        expect((await joinWith(token, `late-${"x".repeat(at)}`)).isIn).toBeFalse();
      }
      const answer = await mesh.call("GET", "/api/v1/nodes", { token: "unknown" });
      expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_INVALID"]);
    });

    test.each(endingNames)("and is %s learns no name that is taken", async (ending) => {
      const token = await endings[ending]();
      await mesh.join(named("secret-box"));
      for (const name of ["secret-box", "nobody"]) {
        const { isIn, told } = await joinWith(token, name);
        expect([isIn, told]).toEqual([false, expect.not.stringContaining("NAME_TAKEN")]);
      }
    });
  },
);

describe("an invite", () => {
  test("grants its groups to all of the machines that join at the same moment", async () => {
    await putGroup("all", { nodes: ["nobody"] });
    const token = await code({ uses: 8, groups: ["all"] });
    const names = Array.from({ length: 8 }, (_, at) => `m-${at}`);
    const nodes = await Promise.all(names.map((name) => mesh.join({ token, ...named(name) })));
    expect((await group("all")).nodes.toSorted()).toEqual(
      ["nobody", ...nodes.map(({ nodeId }) => nodeId)].toSorted(),
    );
  });

  test("may be redeemed again by the machine whose answer was lost, and counts once", async () => {
    const made = (await invite({ uses: 2 })).body as Invite;
    const instance = nextInstance();
    const first = await mesh.join({ token: made.code, instance, ...named("lossy") });
    const again = await mesh.join({ token: made.code, instance, ...named("lossy") });
    expect(again.nodeId).toBe(first.nodeId);
    const { invites } = (await mesh.call("GET", "/api/v1/invites")).body;
    expect(invites).toMatchObject([{ id: made.id, uses: 2, uses_left: 1 }]);
  });

  test("is not used up by a name that is taken", async () => {
    const token = await code();
    await mesh.join(named("studio"));
    await expect(mesh.join({ token, ...named("Studio") })).rejects.toMatchObject({
      code: closeCodes.alreadyLinked,
    });
    expect((await mesh.join({ token, ...named("studio-2") })).name).toBe("studio-2");
  });

  test("does not make a node of another's place", async () => {
    const holder = await mesh.join(named("holder"));
    const token = await code();
    const { hello } = holder;
    await expect(
      mesh.join({ token, ...named("holder"), node_id: holder.nodeId, slots: hello.slots }),
    ).rejects.toMatchObject({ reason: "NAME_TAKEN" });
    expect((await nodeInfo("holder")).id).toBe(holder.nodeId);
  });

  test("gives no more than a node's place: its machine gets a token for its own routes", async () => {
    const node = await mesh.join({ token: await code({ tags: ["t"] }) });
    for (const path of ["/api/v1/nodes", "/api/v1/tasks", "/api/v1/invites", "/api/v1/tokens"]) {
      expect((await mesh.call("GET", path, { token: node.token })).status).toBe(403);
    }
  });

  test("is listed without its code, while it is good", async () => {
    const made = (await invite({ ttl_s: 60, uses: 2, tags: ["a"] })).body as Invite;
    await code({ name: "other" });
    const { invites } = (await mesh.call("GET", "/api/v1/invites")).body;
    expect(invites).toMatchObject([
      { name: "other", uses_left: 1 },
      { id: made.id, created_by: "admin", uses: 2, uses_left: 2, name: null, tags: ["a"], groups: [] },
    ]);
    expect(JSON.stringify(invites)).not.toContain("cmi_");
    await mesh.join({ token: made.code });
    await mesh.join({ token: made.code });
    expect((await mesh.call("GET", "/api/v1/invites")).body.invites).toHaveLength(1);
  });

  test("is stored as a hash", async () => {
    const token = await code();
    const database = new Database(join(mesh.dataDir, "mesh.db"), { readonly: true });
    const rows = JSON.stringify(database.query("select * from invites").all());
    database.close();
    expect(rows).not.toContain(token.slice(4));
  });

  test("is known by who made it", async () => {
    const { id, token } = await makeToken(mesh, { scopes: ["admin"] });
    expect((await invite({}, token)).body.created_by).toBe(id);
  });

  test.each([
    [{ name: "one", uses: 2 }, 400, "BODY_INVALID"],
    [{ uses: 0 }, 400, "BODY_INVALID"],
    [{ uses: 1001 }, 400, "BODY_INVALID"],
    [{ ttl_s: 9 }, 400, "BODY_INVALID"],
    [{ ttl_s: 30 * 24 * 3600 + 1 }, 400, "BODY_INVALID"],
    [{ tags: [] }, 400, "BODY_INVALID"],
    [{ tags: ["\u001b[31m"] }, 400, "BODY_INVALID"],
    [{ scopes: ["admin"] }, 400, "BODY_INVALID"],
    [{ groups: ["nobody"] }, 404, "GROUP_NOT_FOUND"],
    [{ groups: ["configured"] }, 409, "GROUP_READ_ONLY"],
    [{ name: "CONFIGURED" }, 409, "NAME_TAKEN"],
  ])("%j is refused with %i %s", async (body, status, errorCode) => {
    const answer = await invite(body);
    expect([answer.status, answer.body.code]).toEqual([status, errorCode]);
  });

  test("with a group that is gone by then still lets its machine in", async () => {
    await putGroup("gone", { nodes: ["x"] });
    const token = await code({ groups: ["gone"] });
    await mesh.call("DELETE", "/api/v1/groups/gone");
    await mesh.join({ token, ...named("orphan") });
    expect((await nodeInfo("orphan")).groups).toEqual([]);
  });
});

test("a made-up invite learns no name that is taken, and has no name looked up", async () => {
  await mesh.join(named("studio"));
  const register = (name: string, endpoint: string) =>
    registerClassic(`http://127.0.0.1:${mesh.port()}`, "cmi_made-up", { name, endpoint });
  for (const [name, endpoint] of [
    ["studio", "127.0.0.1:1"],
    ["free", "127.0.0.1:1"],
    ["free", "nowhere.invalid:1"],
    ["free", "169.254.169.254:80"],
  ] as const) {
    const answer = await register(name, endpoint);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ code: "INVITE_INVALID" });
  }
});

test("a token with the scope admin lets a machine join, as the admin token does", async () => {
  const { token } = await makeToken(mesh, { scopes: ["admin"] });
  expect((await mesh.join({ token, ...named("linked") })).welcome.token).toStartWith("cmn_");
  expect((await direct(token, "called")).status).toBe(201);
});

test.each(["operate", "read", "send", "metrics"] as const)(
  "a token with the scope %s alone lets no machine join",
  async (scope) => {
    const { token } = await makeToken(mesh, { scopes: [scope] });
    await expect(mesh.join({ token })).rejects.toThrow();
    expect((await direct(token, "called")).status).toBe(403);
  },
);
