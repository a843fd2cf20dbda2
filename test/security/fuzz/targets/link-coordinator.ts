import fc from "fast-check";
import { NodeFrame } from "../../../../src/protocol/link/v1/frames.ts";
import { type FakeNode, openFakeLink, toHello } from "../../../support/fake-node.ts";
import type { TestCoordinator } from "../../../support/test-coordinator.ts";
import { fromSchema, putIds } from "../from-schema.ts";
import { hostileText, hostileValue } from "../hostile-values.ts";
import { asTarget, type FuzzTarget } from "../target.ts";
import { createWatchedCoordinator } from "../watched-coordinator.ts";

interface NodeInput {
  /** Whether a hello in order comes first. */
  readonly isWelcome: boolean;
  readonly messages: readonly unknown[];
}

/** Fewer than the links that a node may break before it is held. */
const inputsPerNode = 4;

/** What the link closes with when a handler threw. */
const faultReason = "INTERNAL";

/** Frames of a node that wrote its own client, on a link to a whole coordinator, beside a node that does its work. */
export async function startLinkCoordinator(): Promise<FuzzTarget> {
  const watched = await createWatchedCoordinator();
  const { coordinator } = watched;
  const good = await coordinator.join({ name: "good" as never });
  let evil = await joinEvil(coordinator);
  const known: string[] = [good.nodeId, evil.nodeId];
  let count = 0;
  return asTarget<NodeInput>({
    inputs: fc.record({
      isWelcome: fc.boolean(),
      messages: fc.array(
        fc.oneof(
          {
            weight: 8,
            arbitrary: fc.array(fromSchema(NodeFrame), { minLength: 1, maxLength: 3 }),
          },
          { weight: 1, arbitrary: hostileValue },
          { weight: 1, arbitrary: hostileText.map((raw) => ({ raw })) },
        ),
        { maxLength: 3 },
      ),
    }),
    feed: async ({ isWelcome, messages }) => {
      // A node whose links break the protocol again and again is kept away for a while.
      if (count % inputsPerNode === 0) {
        await coordinator.call("DELETE", `/api/v1/nodes/${evil.nodeId}`);
        evil = await joinEvil(coordinator);
        known[1] = evil.nodeId;
      }
      const link = await openFakeLink({ port: coordinator.port(), token: evil.token });
      if (isWelcome) {
        const { type: _, ...hello } = toHello({ name: "evil" as never });
        link.send({ ...hello, type: "hello", node_id: evil.nodeId });
      }
      for (const message of messages) link.sendRaw(toText(message, known));
      const ended = await link.close();
      if (ended.reason.includes(faultReason)) throw new Error(`closed with ${ended.reason}`);
      count += 1;
      if (count % 20 === 0) known.push(await requireWork(coordinator, good));
      watched.requireNoFault();
    },
    [Symbol.asyncDispose]: () => watched[Symbol.asyncDispose](),
  });
}

/** A node that has left again, with a token of its own. */
async function joinEvil(coordinator: TestCoordinator): Promise<FakeNode> {
  const evil = await coordinator.join({ name: "evil" as never });
  await evil.close();
  return evil;
}

function toText(message: unknown, known: readonly string[]): string {
  const isRaw = typeof message === "object" && message !== null && "raw" in message;
  return isRaw ? String(message.raw) : JSON.stringify(putIds(message, known));
}

/** The good node still gets its work. @returns the id of the task */
async function requireWork(coordinator: TestCoordinator, good: FakeNode): Promise<string> {
  const sent = coordinator.send("for good", { to: "good" });
  const offer = await good.nextOffer("for good");
  good.answer(offer, "done");
  const { status, body } = await sent;
  if (status !== 200 || body?.response !== "done")
    throw new Error(`the other node's work: ${status} ${JSON.stringify(body)}`);
  return offer.task;
}
