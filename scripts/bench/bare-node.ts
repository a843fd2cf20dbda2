/** The other end of bare-coordinator.ts: answers every offer with its content. */
const socket = new WebSocket(`ws://127.0.0.1:${Bun.argv[2]}/api/v1/link`);
socket.addEventListener("message", ({ data }) => {
  const offers = JSON.parse(String(data)) as { task: string; content: string }[];
  const answers = offers.map(({ task, content }) => ({ type: "result", task, attempt: 1, text: content }));
  socket.send(JSON.stringify(answers));
});
socket.addEventListener("close", () => process.exit(0));
