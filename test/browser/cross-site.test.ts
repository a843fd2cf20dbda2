import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { isToolReady } from "../fault/test-tool.ts";
import { type Browser, type BrowserPage, startChromium } from "../support/chromium.ts";
import { createTestCoordinator, type TestCoordinator } from "../support/test-coordinator.ts";

setDefaultTimeout(60_000);

const isReady = isToolReady("Chromium", ["chromium", "--version"]);
const markup = '<img src=x onerror="document.title=1"><script>document.title=1</script>';

describe.skipIf(!isReady)("a real browser that is logged in", () => {
  let mesh: TestCoordinator;
  let browser: Browser;
  let page: BrowserPage;
  let home: string;
  let stranger: ReturnType<typeof Bun.serve>;

  beforeAll(async () => {
    mesh = await createTestCoordinator();
    home = `http://127.0.0.1:${mesh.port()}`;
    const html = () =>
      new Response("<!doctype html><title>stranger</title>", { headers: { "content-type": "text/html" } });
    stranger = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: html });
    browser = await startChromium(["evil.test", "rebound.test"]);
    await mesh.join({
      name: "hostile",
      runtimes: [{ kind: "echo", version: null, ready: false, reason: markup, active: null, queued: null }],
    });
    page = await browser.open();
    await page.goTo(home);
    await page.until("!document.getElementById('login').hidden");
    await page.evaluate("document.getElementById('token').focus()");
    await page.type(mesh.token);
    await page.press("Enter");
    await page.until("document.querySelectorAll('#nodes tr').length === 1");
  });
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await stranger.stop(true);
    await mesh[Symbol.asyncDispose]();
  });

  const isLoggedIn = async () => {
    const own = await browser.open();
    await own.goTo(home);
    return own.evaluate<number>(
      "fetch('/api/v1/session', { headers: { 'x-claw-mesh-session': localStorage['claw-mesh-session'] ?? '' } }).then(({ status }) => status)",
    );
  };

  test("sees the nodes, and what they say as text", async () => {
    expect(await page.evaluate<string>("document.getElementById('nodes').textContent")).toContain(markup);
    expect(await page.evaluate<number>("document.querySelectorAll('#nodes img, #nodes script').length")).toBe(
      0,
    );
    expect(await page.evaluate<string>("document.title")).toBe("claw-mesh");
  });

  test("finds nothing to complain of: no refusal of the policy, no error", () => {
    // The first look at the session, before the login, is a 401 that the page expects.
    const others = page.complaints.filter(
      (line) => !line.includes("/api/v1/session") && !line.includes("favicon"),
    );
    expect(others).toEqual([]);
  });

  test("keeps its cookie from scripts, and the token nowhere", async () => {
    expect(await page.evaluate<string>("document.cookie")).toBe("");
    const kept = await page.evaluate<string>(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, document.documentElement.outerHTML, document.getElementById('token').value])",
    );
    expect(kept).not.toContain(mesh.token);
  });

  test("runs no script that gets into the page", async () => {
    const ran = await page.evaluate<boolean>(`(() => {
      const script = document.createElement("script");
      script.textContent = "window.injected = true";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.injected = true'>");
      return new Promise((resolve) => setTimeout(() => resolve(window.injected === true), 200));
    })()`);
    expect(ran).toBe(false);
  });

  test("shows its cookie to a service on another port, which can do nothing with it", async () => {
    const seen: string[] = [];
    await using service = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ headers }) => {
        seen.push(headers.get("cookie") ?? "");
        return new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
      },
    });
    const visit = await browser.open();
    await visit.goTo(`http://127.0.0.1:${service.port}/`);
    await visit.evaluate("fetch('/again').then(({ status }) => status)");
    expect(await visit.evaluate<string>("JSON.stringify({ ...localStorage })")).toBe("{}");
    const cookie = seen.find((text) => text.includes("claw_mesh_session=")) ?? "";
    expect(cookie).not.toBe("");
    for (const [method, path] of [
      ["GET", "/api/v1/nodes"],
      ["GET", "/api/v1/session"],
      ["POST", "/api/v1/route/explain"],
      ["DELETE", "/api/v1/session"],
    ] as const) {
      const answer = await fetch(home + path, {
        method,
        headers: { cookie, origin: home, "content-type": "application/json" },
        ...(method === "POST" ? { body: JSON.stringify({ content: "x" }) } : {}),
      });
      // An end that ends nothing is answered as any other.
      expect({ method, path, status: answer.status }).toEqual({
        method,
        path,
        status: method === "DELETE" ? 204 : 401,
      });
    }
    expect(await isLoggedIn()).toBe(200);
  });

  /** Of another port the cookie comes along: for browsers that is the same site. */
  const places = [
    ["another site", () => `http://evil.test:${stranger.port}`],
    ["another port of the same machine", () => `http://127.0.0.1:${stranger.port}`],
    ["another name of the same machine", () => `http://localhost:${stranger.port}`],
  ] as const;

  describe.each(places)("%s", (_, place) => {
    let other: BrowserPage;
    beforeAll(async () => {
      other = await browser.open();
      expect(await other.goTo(place())).toBe(200);
    });

    test("cannot read over fetch", async () => {
      for (const path of ["/api/v1/nodes", "/api/v1/session", "/healthz", "/"]) {
        const read = await other.evaluate<string>(
          `fetch("${home}${path}", { credentials: "include" }).then(({ text }) => "read", () => "refused")`,
        );
        expect({ path, read }).toEqual({ path, read: "refused" });
      }
    });

    test("cannot change anything over fetch, asked for or not", async () => {
      const rule = JSON.stringify({ match: { wildcard: true }, target: "hostile" });
      for (const mode of ["cors", "no-cors"]) {
        for (const type of ["application/json", "text/plain"]) {
          await other.evaluate(
            `fetch("${home}/api/v1/rules", { method: "POST", mode: "${mode}", credentials: "include", headers: { "content-type": "${type}" }, body: ${JSON.stringify(rule)} }).catch(() => 0).then(() => 0)`,
          );
        }
      }
      expect((await mesh.call("GET", "/api/v1/rules")).body).toEqual([]);
    });

    test("cannot change anything by a form", async () => {
      const form = await browser.open();
      await form.goTo(place());
      const status = await form.evaluate<void>(`(() => {
        const form = document.createElement("form");
        form.method = "post";
        form.enctype = "text/plain";
        form.action = "${home}/api/v1/rules";
        const field = document.createElement("input");
        field.name = '{"match":{"wildcard":true},"target":"hostile","name":"';
        field.value = '"}';
        form.append(field);
        document.body.append(form);
        // After the answer to this question, which would else be lost with the page.
        setTimeout(() => form.submit());
      })()`);
      expect(status).toBeUndefined();
      await form.until(`location.href.startsWith("${home}") && document.readyState === "complete"`);
      expect(await form.evaluate<string>("document.body.textContent")).toMatch(
        /ORIGIN_NOT_ALLOWED|TOKEN_MISSING|TOKEN_INVALID/,
      );
      expect((await mesh.call("GET", "/api/v1/rules")).body).toEqual([]);
    });

    test("cannot log out or in", async () => {
      await other.evaluate(
        `fetch("${home}/api/v1/session", { method: "DELETE", credentials: "include" }).catch(() => 0).then(() => 0)`,
      );
      await other.evaluate(
        `fetch("${home}/api/v1/session", { method: "POST", mode: "no-cors", credentials: "include", body: ${JSON.stringify(JSON.stringify({ token: "x" }))} }).catch(() => 0).then(() => 0)`,
      );
      expect(await isLoggedIn()).toBe(200);
    });

    test("cannot open a WebSocket", async () => {
      const opened = await other.evaluate<string>(
        `new Promise((resolve) => { const socket = new WebSocket("${home.replace("http", "ws")}/api/v1/link"); socket.onopen = () => resolve("open"); socket.onerror = () => resolve("refused"); })`,
      );
      expect(opened).toBe("refused");
    });

    test("cannot frame the page, nor embed its script, style or data", async () => {
      await other.evaluate(`new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.src = "${home}/";
        frame.onload = () => resolve(0);
        document.body.append(frame);
        setTimeout(() => resolve(0), 2000);
      })`);
      for (const url of await other.frameUrls()) expect(url).not.toStartWith(home);
      const loaded = await other.evaluate<string[]>(`Promise.all([
        ["script", "src", "/page/page.js"], ["script", "src", "/api/v1/nodes"], ["link", "href", "/page/page.css"], ["img", "src", "/api/v1/nodes"],
      ].map(([tag, name, path]) => new Promise((resolve) => {
        const element = document.createElement(tag);
        if (tag === "link") element.rel = "stylesheet";
        element[name] = "${home}" + path;
        element.onload = () => resolve(path);
        element.onerror = () => resolve("refused");
        document.body.append(element);
      })))`);
      expect(loaded.filter((path) => path !== "refused")).toEqual([]);
    });
  });

  test("gets nothing by a name that was pointed here (DNS rebinding)", async () => {
    const rebound = await browser.open();
    expect(await rebound.goTo(`http://rebound.test:${mesh.port()}/`)).toBe(421);
    const codes = await rebound.evaluate<string[]>(`Promise.all([
      fetch("/"), fetch("/page/page.js"), fetch("/api/v1/nodes"),
      fetch("/api/v1/session", { method: "POST", headers: { "content-type": "application/json" }, body: ${JSON.stringify(JSON.stringify({ token: "test-admin-token" }))} }),
    ].map((answer) => answer.then((got) => got.json()).then(({ code }) => code)))`);
    expect(codes).toEqual(["HOST_NOT_ALLOWED", "HOST_NOT_ALLOWED", "TOKEN_MISSING", "HOST_NOT_ALLOWED"]);
  });

  test("does not pay for the guesses of a page of such a name, which sends no Origin when it reads", async () => {
    const rebound = await browser.open();
    await rebound.goTo(`http://rebound.test:${mesh.port()}/healthz`);
    const statuses = await rebound.evaluate<number[]>(`(async () => {
      const got = [];
      for (let at = 0; at < 24; at += 1) {
        const method = at % 2 === 0 ? "GET" : "POST";
        got.push((await fetch(method === "GET" ? "/api/v1/nodes" : "/api/v1/rules", { method, headers: { authorization: "Bearer guess-" + at + "-xxxxxxxx" } })).status);
      }
      return got;
    })()`);
    expect([...new Set(statuses)].sort()).toEqual([401, 421, 429]);
    // An admin token that a person has chosen, which a lock would hold back.
    expect((await mesh.call("GET", "/api/v1/nodes")).status).toBe(200);
  });

  test("logs out by its own page", async () => {
    await page.evaluate("document.getElementById('leave').click()");
    await page.until("!document.getElementById('login').hidden");
    expect(await isLoggedIn()).toBe(401);
  });
});
