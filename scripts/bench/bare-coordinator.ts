/**
 * The least that could pass a message on: HTTP in, one batch of JSON frames per loop turn over a WebSocket, HTTP out. No
 * token, no check, no decision, no record. It shows what the machine and the platform alone cost.
 */
import type { ServerWebSocket } from "bun";

const waiting = new Map<string, (text: string) => void>();
let link: ServerWebSocket<unknown> | null = null;
let batch: string[] = [];
let count = 0;

function send(frame: string): void {
  batch.push(frame);
  if (batch.length > 1) return;
  setImmediate(() => {
    link?.sendText(`[${batch.join(",")}]`);
    batch = [];
  });
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    "/api/v1/route": {
      POST: async (request) => {
        const { content } = (await request.json()) as { content: string };
        count += 1;
        const task = `task_${count}`;
        const { promise, resolve } = Promise.withResolvers<string>();
        waiting.set(task, resolve);
        send(JSON.stringify({ type: "offer", task, attempt: 1, content }));
        return Response.json({ message_id: task, response: await promise });
      },
    },
    "/api/v1/link": (request, self) => {
      self.upgrade(request, { data: undefined });
      return undefined as never;
    },
  },
  websocket: {
    open: (socket) => {
      link = socket;
      console.log("linked");
    },
    message: (_socket, message) => {
      for (const frame of JSON.parse(String(message)) as { task: string; text: string }[]) {
        const resolve = waiting.get(frame.task);
        waiting.delete(frame.task);
        resolve?.(frame.text);
      }
    },
  },
});
console.log(`listening on :${server.port}`);
