import { readEvents, type StreamedEvent } from "../event-stream.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  type HttpAnswer,
  type NodeProcess,
  type TestMesh,
} from "../mesh-process.ts";
import type { Gateway } from "./gateway.ts";

/** The node that was told address and token of the gateway. */
export const clawName = "claw";

export interface SendOptions {
  /** Default: {@link clawName}. */
  readonly node?: string;
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** A mesh of real processes with one node, whose runtime is the real gateway. */
export interface GatewayMesh extends AsyncDisposable {
  readonly mesh: TestMesh;
  readonly coordinator: CoordinatorProcess;
  readonly node: NodeProcess;
  /** `POST /route/<node>`, answered as one JSON. */
  readonly send: (body: object, options?: SendOptions) => Promise<HttpAnswer>;
  /** The same, streamed. */
  readonly stream: (body: object, options?: SendOptions) => Promise<StreamedAnswer>;
  /** What `claw-mesh nodes --json` says of a node. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of output that they then compare.
  readonly describeNode: (name?: string) => Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of answers that they then compare.
  readonly findTask: (id: string) => Promise<any>;
}

/** A streamed answer as its reader sees it. */
export interface StreamedAnswer {
  readonly messageId: string;
  readonly text: () => string;
  /** Reads on until the text so far begins with this. Throws when the answer ends before. */
  readonly untilText: (beginning: string) => Promise<void>;
  /** Reads to the end. */
  readonly last: () => Promise<StreamedEvent>;
}

export async function startGatewayMesh(gateway: Gateway): Promise<GatewayMesh> {
  const mesh = await createTestMesh();
  const coordinator = await mesh.startCoordinator();
  const runtimeArgs = ["--gateway-endpoint", `127.0.0.1:${gateway.port}`, "--gateway-token", gateway.token];
  const node = await mesh.startNode(coordinator, { name: clawName, runtimeArgs });
  await node.program().waitForLine(/Joined .* runtime openclaw \S+ ready/);

  const path = ({ node = clawName }: SendOptions) => `/api/v1/route/${node}`;
  const keyHeader = ({ key }: SendOptions) => (key === undefined ? {} : { "idempotency-key": key });
  return {
    mesh,
    coordinator,
    node,
    send: (body, options = {}) =>
      coordinator.call("POST", path(options), body, { headers: keyHeader(options) }),
    stream: async (body, options = {}) => {
      const response = await fetch(coordinator.url + path(options), {
        method: "POST",
        headers: {
          authorization: `Bearer ${coordinator.token}`,
          "content-type": "application/json",
          accept: "text/event-stream",
          ...keyHeader(options),
        },
        body: JSON.stringify(body),
        signal: options.signal ?? null,
      });
      return readAnswer(response);
    },
    describeNode: async (name = clawName) => {
      const { json } = await coordinator.cli(["nodes", "--json"]);
      return json().find((one: { name: string }) => one.name === name);
    },
    findTask: async (id) => (await coordinator.call("GET", `/api/v1/tasks/${id}`)).body,
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
  };
}

async function readAnswer(response: Response): Promise<StreamedAnswer> {
  const events = readEvents(response);
  let text = "";
  const next = async (): Promise<StreamedEvent> => {
    const { value } = await events.next();
    if (value === undefined) throw new Error(`the stream ended after: ${text}`);
    if (value.event === "snapshot" || value.event === "chunk") {
      text = text.slice(0, value.data.offset) + value.data.text;
    }
    return value;
  };
  const first = await next();
  return {
    messageId: first.data.message_id,
    text: () => text,
    untilText: async (beginning) => {
      while (!text.startsWith(beginning)) {
        const { event, data } = await next();
        if (event === "result" || event === "error") {
          throw new Error(`ended before "${beginning}" was there: ${JSON.stringify(data)}`);
        }
      }
    },
    last: async () => {
      let event = first;
      while (event.event !== "result" && event.event !== "error") event = await next();
      return event;
    },
  };
}
