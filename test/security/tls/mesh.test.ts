import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { coordinatorName } from "../../../src/platform/tls/trust.ts";
import { connectThroughProxies, startConnectProxy } from "./connect-proxy.ts";
import {
  createAuthority,
  createLeaf,
  createSelfSigned,
  createTlsMesh,
  startHostileServer,
  writeCertificate,
} from "./tls-world.ts";

const send = (content: string) => ({ method: "POST", body: JSON.stringify({ content }) });

describe("a mesh over TLS", () => {
  test("joins, sends, streams, and is whole again after a restart", async () => {
    await using mesh = await createTlsMesh();
    const agent = await mesh.join({ code: await mesh.invite() });
    const answer = await (await mesh.call("/api/v1/route", send("over TLS"))).json();
    expect(answer).toMatchObject({ node_id: agent.nodeId, response: expect.stringContaining("over TLS") });

    const headers = { accept: "text/event-stream" };
    const events = await (await mesh.call("/api/v1/route", { ...send("in a stream"), headers })).text();
    expect(events).toContain("event: result");

    await mesh.restart();
    const again = await mesh.call("/api/v1/route", send("after a restart"));
    expect(await again.json()).toMatchObject({ node_id: agent.nodeId });
  });

  test("prints addresses with https, and codes with a pin", async () => {
    await using mesh = await createTlsMesh();
    const asked = await mesh.call("/api/v1/invites", { method: "POST", body: "{}" });
    const invite = (await asked.json()) as { readonly code: string; readonly urls: readonly string[] };
    expect(invite.code).toMatch(/^cmi_[0-9a-f]{32}\.[\w-]{43}$/);
    expect(invite.urls.every((url) => url.startsWith("https://"))).toBe(true);
  });

  test("a code without its pin opens nothing for a node that does not know the authority", async () => {
    await using mesh = await createTlsMesh();
    const [code = ""] = (await mesh.invite()).split(".");
    await expect(mesh.join({ code })).rejects.toMatchObject({ code: "TLS_NOT_TRUSTED" });
    const trusting = await mesh.join({ code, trust: mesh.trust() });
    expect(trusting.selfTest.authenticated).toBe(true);
  });

  test("a node of the direct transport knows its coordinator by the pin, too", async () => {
    await using mesh = await createTlsMesh();
    const direct = { isWanted: true, listen: "127.0.0.1:0", endpoint: null };
    await expect(mesh.join({ token: mesh.token, direct })).rejects.toMatchObject({ code: "TLS_NOT_TRUSTED" });
    const agent = await mesh.join({ code: await mesh.invite(), direct });
    const answer = await mesh.call(`/api/v1/route/${agent.name}`, send("called"));
    expect(await answer.json()).toMatchObject({ response: expect.stringContaining("called") });
    await agent.stop();
    const again = await mesh.join({ direct });
    expect(again.nodeId).toBe(agent.nodeId);
  });

  test("goes through a proxy that connects: the comparison of the key, requests, and the link", async () => {
    await using mesh = await createTlsMesh();
    await using proxy = await startConnectProxy();
    const agent = await mesh.join({ code: await mesh.invite(), ...connectThroughProxies(proxy.url) });
    const answer = await mesh.call(`/api/v1/route/${agent.name}`, send("through"));
    expect(answer.status).toBe(200);
    // One for the handshake, one for each request, one for the link.
    expect(proxy.targets().length).toBeGreaterThanOrEqual(3);
    expect(new Set(proxy.targets())).toEqual(new Set([`127.0.0.1:${mesh.port()}`]));
    expect(proxy.sawPlainText()).toBe(false);
  });
});

describe("a certificate from elsewhere", () => {
  const named = ["mesh.example.com", "localhost", "127.0.0.1"];

  test("of an authority that the node is told of is good by its names", async () => {
    const authority = await createAuthority("CN=the company");
    await using mesh = await createTlsMesh();
    const files = await writeCertificate(mesh.directory, await createLeaf(authority, named));
    await mesh.restart({ tls: files });
    const trust = { ca: authority.certificate, serverName: null };
    const code = await mesh.invite();
    await expect(mesh.join({ code })).rejects.toMatchObject({ code: "TLS_NOT_TRUSTED" });
    const agent = await mesh.join({ code, trust });
    expect(agent.selfTest.authenticated).toBe(true);
  });

  test("for other names is refused", async () => {
    const authority = await createAuthority("CN=the company");
    await using mesh = await createTlsMesh();
    const files = await writeCertificate(mesh.directory, await createLeaf(authority, ["mesh.example.com"]));
    await mesh.restart({ tls: files });
    const trust = { ca: authority.certificate, serverName: null };
    const joining = mesh.join({ code: await mesh.invite(), trust });
    await expect(joining).rejects.toMatchObject({
      code: "TLS_NOT_TRUSTED",
      details: { problem: "other_name" },
    });
  });

  test("that has signed itself is good by its pin, whatever its names", async () => {
    await using mesh = await createTlsMesh();
    const files = await writeCertificate(mesh.directory, await createSelfSigned(["nas.example.com"]));
    await mesh.restart({ tls: files });
    const dataDir = join(mesh.directory, "far");
    const agent = await mesh.join({ code: await mesh.invite(), dataDir });
    await agent.stop();
    const again = await mesh.join({ dataDir });
    expect(again.nodeId).toBe(agent.nodeId);
  });

  test("is followed by nodes through its authority when its key changes", async () => {
    const authority = await createAuthority("CN=the company");
    const trust = { ca: authority.certificate, serverName: null };
    await using mesh = await createTlsMesh();
    const dataDir = join(mesh.directory, "far");
    await mesh.restart({ tls: await writeCertificate(mesh.directory, await createLeaf(authority, named)) });
    await (await mesh.join({ code: await mesh.invite(), dataDir, trust })).stop();
    await mesh.restart({ tls: await writeCertificate(mesh.directory, await createLeaf(authority, named)) });
    const asked = Promise.withResolvers<string>();
    const enough = new AbortController();
    const alone = mesh.join({
      dataDir,
      signal: enough.signal,
      onStatus: (status) => {
        if (status.state === "unreachable") asked.resolve(status.error.code);
      },
    });
    expect(await asked.promise).toBe("TLS_NOT_TRUSTED");
    enough.abort();
    await expect(alone).rejects.toThrow();
    const agent = await mesh.join({ dataDir, trust });
    expect(agent.selfTest.authenticated).toBe(true);
  });

  test("that has expired keeps the coordinator from starting, and clients from speaking to one", async () => {
    const authority = await createAuthority("CN=the company");
    await using mesh = await createTlsMesh();
    const old = await createLeaf(authority, [...named, coordinatorName], 100);
    const files = await writeCertificate(mesh.directory, old);
    await expect(mesh.restart({ tls: files })).rejects.toMatchObject({ code: "TLS_INVALID" });
    await using server = await startHostileServer(old);
    const trust = { ca: authority.certificate, serverName: null };
    const joining = mesh.join({ url: server.url, token: mesh.token, trust });
    await expect(joining).rejects.toMatchObject({ code: "TLS_NOT_TRUSTED", details: { problem: "expired" } });
    expect(server.heard()).toBe(0);
  });
});
