import type { Gateway } from "./gateway.ts";

/** Another program on the same gateway: a client of its own, that shares no code with the adapter. */
export interface PlainClient extends Disposable {
  readonly request: (method: string, params: unknown) => Promise<PlainAnswer>;
  /** Submits a message in a session of its own and waits for the final answer. */
  readonly runToEnd: (message: string, sessionKey?: string) => Promise<PlainAnswer>;
}

export interface PlainAnswer {
  readonly ok: boolean;
  readonly payload: unknown;
  readonly error: unknown;
}

interface PlainFrame extends PlainAnswer {
  readonly type: string;
  readonly id?: string;
  readonly event?: string;
}

const connectTimeoutMs = 20_000;

/** @param scopes the administrator's when left out */
export async function openPlainClient(
  gateway: Pick<Gateway, "url" | "token">,
  scopes: readonly string[] = ["operator.admin"],
): Promise<PlainClient> {
  const socket = new WebSocket(gateway.url);
  const waiting = new Map<string, (frame: PlainFrame) => void>();
  const connected = Promise.withResolvers<void>();
  const challenged = Promise.withResolvers<void>();
  let lastId = 0;

  const request = (method: string, params: unknown): Promise<PlainAnswer> => {
    lastId += 1;
    const id = String(lastId);
    const answer = Promise.withResolvers<PlainAnswer>();
    waiting.set(id, (frame) => {
      const payload = frame.payload;
      const isFirstOfTwo =
        method === "agent" && typeof payload === "object" && payload !== null && "status" in payload
          ? payload.status === "accepted"
          : false;
      if (!isFirstOfTwo) answer.resolve(frame);
    });
    socket.send(JSON.stringify({ type: "req", id, method, params }));
    return answer.promise;
  };

  socket.addEventListener("message", (event) => {
    // Its frames are read by this test client only.
    const frame = JSON.parse(String(event.data)) as PlainFrame;
    if (frame.event === "connect.challenge") challenged.resolve();
    if (frame.type === "res" && frame.id !== undefined) waiting.get(frame.id)?.(frame);
  });
  socket.addEventListener("close", () => challenged.reject(new Error("the gateway closed the test client")));
  const timer = setTimeout(() => challenged.reject(new Error("no challenge")), connectTimeoutMs);
  challenged.promise
    .then(() =>
      request("connect", {
        minProtocol: 4,
        maxProtocol: 4,
        client: { id: "gateway-client", mode: "backend", version: "0", platform: "test" },
        role: "operator",
        scopes,
        caps: [],
        auth: { token: gateway.token },
      }),
    )
    .then((hello) =>
      hello.ok ? connected.resolve() : connected.reject(new Error(JSON.stringify(hello.error))),
    )
    .catch(connected.reject)
    .finally(() => clearTimeout(timer));
  await connected.promise;

  return {
    request,
    runToEnd: (message, sessionKey = `plain-client:${crypto.randomUUID()}`) =>
      request("agent", { message, idempotencyKey: crypto.randomUUID(), sessionKey }),
    [Symbol.dispose]: () => socket.close(),
  };
}
