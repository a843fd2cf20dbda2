/** Greets as an OpenClaw gateway does, keeps what it is told, and answers nothing: its clients give up and come again. */
export interface DeafGateway {
  /** `host:port` */
  readonly endpoint: string;
  readonly heard: () => string;
  readonly stop: () => Promise<void>;
}

export function startDeafGateway(): DeafGateway {
  const heard: string[] = [];
  const challenge = { type: "event", event: "connect.challenge", payload: { nonce: "n", ts: 1 } };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, own) => (own.upgrade(request) ? undefined : new Response("", { status: 404 })),
    websocket: {
      open: (ws) => void ws.send(JSON.stringify(challenge)),
      message: (_, text) => void heard.push(String(text)),
    },
  });
  return {
    endpoint: `127.0.0.1:${server.port}`,
    heard: () => heard.join("\n"),
    stop: () => server.stop(true),
  };
}
