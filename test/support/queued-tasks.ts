import { sha256Hex } from "../../src/platform/hash.ts";
import { type AttemptRef, maxChunkLength } from "../../src/protocol/link/v1/frames.ts";
import type { FakeNode } from "./fake-node.ts";
import type { Answer, CallOptions, TestCoordinator } from "./test-coordinator.ts";

/** Queues a message. */
export function addTask(
  mesh: TestCoordinator,
  content: string,
  parts: Readonly<Record<string, unknown>> = {},
  options: Omit<CallOptions, "body"> = {},
): Promise<Answer> {
  return mesh.call("POST", "/api/v1/tasks", { ...options, body: { content, ...parts } });
}

/** Queues a message and has the node answer it; resolves when the task has ended. @returns its id */
export async function runTask(
  mesh: TestCoordinator,
  node: FakeNode,
  content: string,
  parts: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { body } = await addTask(mesh, content, parts);
  const offer = await node.nextOffer(content);
  node.answer(offer, `answer to ${content}`);
  await node.next("ack", ({ task }) => task === offer.task);
  return body.id;
}

/** Queues a message and has the node fail it for good; resolves when the task has ended. @returns its id */
export async function failTask(
  mesh: TestCoordinator,
  node: FakeNode,
  content: string,
  parts: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { body } = await addTask(mesh, content, parts);
  const { task, attempt } = await node.nextOffer(content);
  const failure = { class: "runtime_error", kind: "bad_request", message: "no sense" } as const;
  node.send({ type: "started", task, attempt }, { type: "failed", task, attempt, failure });
  await node.next("ack", (ack) => ack.task === task);
  return body.id;
}

/** Answers with a text that is too long for one frame. */
export function answerLong(node: FakeNode, { task, attempt }: AttemptRef, text: string): void {
  const ref = { task, attempt };
  node.started(ref);
  for (let offset = 0; offset < text.length; offset += maxChunkLength) {
    const piece = text.slice(offset, offset + maxChunkLength);
    node.send({ type: "chunk", ...ref, offset, text: piece, final: true });
  }
  node.send({ type: "result", ...ref, length: text.length, sha256: sha256Hex(text) });
}
