/** A model server that repeats the key it was shown in its errors, as some do. */
export function startLeakyProvider(key: string): {
  readonly url: string;
  readonly stop: () => Promise<void>;
} {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    fetch: async (request) => {
      const authorization = request.headers.get("authorization") ?? "none";
      const complain = (status: number, code: string) =>
        Response.json(
          {
            error: {
              message: `Incorrect key ${authorization} (${authorization.replace("Bearer ", "")}) from http://user:${key}@proxy`,
              code,
              authorization,
            },
          },
          { status, headers: { "x-echo": authorization } },
        );
      const path = new URL(request.url).pathname;
      if (path === "/v1/models")
        return Response.json({ object: "list", data: [{ id: "test-model", object: "model" }] });
      if (path !== "/v1/chat/completions")
        return new Response(`no such path for ${authorization}`, { status: 404 });
      const { messages } = (await request.json()) as { messages: readonly { content: string }[] };
      const content = messages.at(-1)?.content ?? "";
      if (content.includes("[401]")) return complain(401, "invalid_api_key");
      if (content.includes("[500]")) return complain(500, "server_error");
      if (content.includes("[page]")) return new Response(`<html>${authorization}</html>`, { status: 200 });
      if (content.includes("[hang]")) return await new Promise<Response>(() => {});
      return Response.json({
        object: "chat.completion",
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: `done: ${content.split(" ").slice(1).join(" ")}` },
            finish_reason: "stop",
          },
        ],
      });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}
