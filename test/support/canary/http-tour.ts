import type { Machine } from "../mesh-process.ts";
import type { SecretName, SurfaceName } from "./cast.ts";
import type { Evidence } from "./evidence.ts";

export interface Hub {
  readonly url: string;
  readonly adminToken: string;
  readonly machine: Machine;
}

interface TourOptions {
  readonly hub: Hub;
  readonly evidence: Evidence<SurfaceName>;
  readonly secrets: Map<SecretName, string>;
}

interface Call {
  readonly path: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Streams are cut then. */
  readonly limitMs?: number;
}

/** What anybody may ask, and what nobody may. */
const openPaths = [
  "/healthz",
  "/readyz",
  "/api/v1/openapi.json",
  "/metrics",
  "/nosuch",
  "/api/v1/nodes",
  "/api/v1/tokens",
];
const pagePaths = ["/", "/page/page.css", "/page/page.js", "/favicon.ico", "/nosuch.html"];
const adminPaths = [
  "/api/v1/nodes",
  "/api/v1/rules",
  "/api/v1/groups",
  "/api/v1/invites",
  "/api/v1/tokens",
  "/api/v1/audit",
  "/api/v1/audit/verify",
  "/api/v1/session",
  "/metrics",
  "/api/v1/nosuch",
];
const taskPaths = ["/api/v1/tasks", "/api/v1/tasks?dead_letter=true"];

/** Every route that shows something, as each kind of caller, with what each answer says in headers and body. */
export async function callEverything({ hub, evidence, secrets }: TourOptions): Promise<void> {
  const secret = (name: SecretName) => secrets.get(name) ?? "";
  const ask = async (surface: SurfaceName, call: Call) => {
    const answer = await send(hub, call);
    evidence.add(surface, `${call.method ?? "GET"} ${call.path}`, `${answer.head}\n${answer.body}\n`);
    return answer;
  };
  const once = "the answers that show something once";
  const admin = "all other answers to the admin token";

  const name = `reader-${crypto.randomUUID().slice(0, 8)}`;
  const made = await ask(once, {
    path: "/api/v1/tokens",
    method: "POST",
    body: { name, scopes: ["read", "send"] },
  });
  secrets.set("an API token", made.json().token);
  const rotated = await ask(once, { path: `/api/v1/tokens/${name}/rotate`, method: "POST", body: {} });
  const readToken: string = rotated.json().token;
  secrets.set("a rotated API token", readToken);
  const login = await ask(once, {
    path: "/api/v1/session",
    method: "POST",
    body: { token: hub.adminToken },
    token: null,
  });
  const [, cookie = ""] = /claw_mesh_session=([^;\s]+)/.exec(login.head) ?? [];
  secrets.set("a session cookie", cookie);

  const content = secret("a message");
  for (const part of ["", "[401] ", "[500] "]) {
    const headers = { "idempotency-key": secret("an idempotency key") + part.length };
    const body = { content: `${part}${content} ${secret("an answer")}` };
    await ask("answers about tasks", { path: "/api/v1/route/mac", method: "POST", body, headers });
    await ask("answers about tasks", {
      path: "/api/v1/route/mac",
      method: "POST",
      body: { content: "other" },
      headers,
    });
    await ask("answers about tasks", {
      path: "/api/v1/route/mac",
      method: "POST",
      body,
      headers: { accept: "text/event-stream" },
    });
  }
  for (const path of taskPaths) await ask("answers about tasks", { path });
  for (const path of adminPaths) {
    await ask(admin, { path });
    await ask(admin, { path, token: null, headers: { cookie: `claw_mesh_session=${cookie}` } });
    await ask("answers to a read token, but for tasks", { path, token: readToken });
    await ask("answers to a node's token", { path, token: secret("a node token") });
  }
  const badRequests: readonly Call[] = [
    { path: "/api/v1/route", method: "POST", body: { content: 1, secret: hub.adminToken } },
    { path: "/api/v1/rules", method: "POST", body: { nosuch: true } },
    { path: `/api/v1/tokens/${name}`, method: "DELETE" },
    { path: "/api/v1/nodes?cursor=nosuch" },
    { path: "/api/v1/link" },
  ];
  for (const call of badRequests) await ask(admin, call);

  for (const path of openPaths) {
    await ask("answers to nobody", { path, token: null });
    await ask("answers to nobody", { path, token: secret("a wrong token that was tried") });
    await ask("answers to nobody", { path: `${path}?token=${hub.adminToken}`, token: null });
  }
  for (const path of pagePaths) await ask("the page, its style and script", { path, token: null });
  await ask("the stream of events", {
    path: "/api/v1/events",
    headers: { accept: "text/event-stream" },
    limitMs: 500,
  });
}

async function send({ url, adminToken }: Hub, call: Call) {
  const { token = adminToken, body, headers = {}, limitMs = 20_000 } = call;
  const response = await fetch(url + call.path, {
    method: call.method ?? "GET",
    redirect: "manual",
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(limitMs),
  });
  const head = `${response.status} ${JSON.stringify([...response.headers])} ${response.headers.getSetCookie().join(" ")}`;
  const text = await response.text().catch(() => "cut");
  return { head, body: text, json: () => JSON.parse(text) };
}
