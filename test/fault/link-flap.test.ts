import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { nextEvent, readEvents, textAfter } from "../support/event-stream.ts";
import { type HeldRuntime, startHeldRuntime } from "../support/held-runtime.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type TestMesh,
} from "../support/mesh-process.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
let coordinator: CoordinatorProcess;
let runtime: HeldRuntime;
let proxy: TcpProxy;

beforeAll(async () => {
  mesh = await createTestMesh();
  runtime = startHeldRuntime();
  coordinator = await mesh.startCoordinator();
  proxy = await startTcpProxy(coordinator.port);
  const throughProxy = { ...coordinator, url: `http://127.0.0.1:${proxy.port}` };
  await mesh.startNode(throughProxy, { name: "worker", openaiUrl: runtime.url });
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await proxy.stop();
  await runtime[Symbol.asyncDispose]();
});

describe("a link that is lost for a moment", () => {
  test.each(["/api/v1/route", "/api/v1/tasks"])(
    "costs a reader of %s nothing: the run goes on, the text comes, once",
    async (path) => {
      const headers = {
        authorization: `Bearer ${coordinator.token}`,
        "content-type": "application/json",
        accept: "text/event-stream",
      };
      const body = JSON.stringify({ content: "tell me" });
      const sent = await fetch(`${coordinator.url}${path}`, { method: "POST", headers, body });
      const isQueued = path.endsWith("tasks");
      const response = isQueued
        ? await fetch(`${coordinator.url}${path}/${((await sent.json()) as { id: string }).id}/stream`, {
            headers,
          })
        : sent;
      const events = readEvents(response);
      const run = await runtime.nextRun();
      run.write("one ");
      let text = "";
      while (text !== "one ") text = textAfter(text, await nextEvent(events));

      expect(proxy.connectionCount()).toBeGreaterThan(0);
      proxy.cut();
      run.write("two ");
      while (text !== "one two ") {
        const event = await nextEvent(events);
        expect(event.event).not.toBe("error");
        text = textAfter(text, event);
      }
      run.write("three");
      run.finish();
      let last = await nextEvent(events);
      while (last.event !== "result") {
        expect(last.event).not.toBe("error");
        last = await nextEvent(events);
      }
      expect(last.data).toMatchObject({ response: "one two three", attempts: 1 });
      expect(runtime.runCount()).toBe(isQueued ? 2 : 1);
    },
  );
});
