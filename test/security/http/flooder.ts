import { floods } from "./floods.ts";

/**
 * A node in a process of its own that sends one kind of message until it is cut off: `flooder.ts <port> <token> <hello> <kind>`.
 * Prints how the link was closed.
 */
const [port, token, hello, kind] = process.argv.slice(2);
const message = floods.find(([what]) => what === kind)?.[1];
const isPinging = kind === "pings";

/** What may wait in the socket: more would measure this process only. */
const maxWaitingBytes = 8 * 1024 * 1024;

const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/link`, {
  headers: { authorization: `Bearer ${token}` },
});
let isClosed = false;
socket.onclose = ({ code, reason }) => {
  isClosed = true;
  console.log(JSON.stringify({ code, reason }));
};
await new Promise((resolve) => {
  socket.onopen = resolve;
});
socket.send(`[${hello}]`);
await new Promise((resolve) => {
  socket.onmessage = resolve;
});
for (let round = 0; !isClosed; round += 1) {
  if (isPinging) socket.ping();
  else socket.send(message?.(round) ?? "[]");
  while (!isClosed && socket.bufferedAmount > maxWaitingBytes) await Bun.sleep(1);
  if (round % 10 === 0) await Bun.sleep(0);
}
