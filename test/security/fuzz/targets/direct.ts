import fc from "fast-check";
import { startMessageServer } from "../../../../src/node/direct/message-server.ts";
import { systemClock } from "../../../../src/platform/clock.ts";
import {
  DirectMessage,
  DirectNode,
  DirectOffer,
  DirectOutcome,
  directMessagesPath,
  directNodeHeader,
  directOfferHeader,
  directOutcomeHeader,
  fromHeaderJson,
} from "../../../../src/protocol/direct.ts";
import { Secret } from "../../../../src/protocol/secret.ts";
import { fromSchema } from "../from-schema.ts";
import { hostileText, hostileValue } from "../hostile-values.ts";
import { asTarget, type FuzzTarget } from "../target.ts";

interface DirectInput {
  readonly body: string;
  /** Of the offer and of the other headers of the transport, percent-encoded as it is or not. */
  readonly header: string;
  readonly authorization: string;
}

const token = "direct-node-token";

const headerTexts = fc.oneof(
  fc
    .oneof(fromSchema(DirectOffer), fromSchema(DirectNode), fromSchema(DirectOutcome), hostileValue)
    .map((value) => JSON.stringify(value)),
  fromSchema(DirectOffer).map((value) => encodeURIComponent(JSON.stringify(value).toWellFormed())),
  hostileText,
);

/** Messages to a node that the coordinator calls, and the headers of both ways: a status that means something, no fault. */
export async function startDirect(): Promise<FuzzTarget> {
  const server = startMessageServer({
    listen: { host: "127.0.0.1", port: 0 },
    clock: systemClock,
    token: async () => new Secret(token),
    attempts: {
      take: async (message) => ({ kind: "succeeded", text: message.content }),
      runtimeOf: () => null,
    },
  });
  return asTarget<DirectInput>({
    inputs: fc.record({
      body: fc.oneof(
        { weight: 6, arbitrary: fromSchema(DirectMessage).map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: hostileValue.map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: hostileText },
      ),
      header: headerTexts,
      authorization: fc.oneof({ weight: 6, arbitrary: fc.constant(`Bearer ${token}`) }, hostileText),
    }),
    feed: async ({ body, header, authorization }) => {
      for (const schema of [DirectOffer, DirectNode, DirectOutcome]) {
        fromHeaderJson(schema as typeof DirectOffer, header);
      }
      const answer = await fetch(`http://127.0.0.1:${server.port}${directMessagesPath}`, {
        method: "POST",
        body,
        headers: {
          authorization: toHeader(authorization),
          ...Object.fromEntries(
            [directOfferHeader, directNodeHeader, directOutcomeHeader].map((name) => [
              name,
              toHeader(header),
            ]),
          ),
        },
      });
      const isRefused = authorization !== `Bearer ${token}`;
      const expected = isRefused ? [400, 401, 431] : [200, 400, 431];
      if (!expected.includes(answer.status)) throw new Error(`${answer.status}: ${await answer.text()}`);
    },
    [Symbol.asyncDispose]: () => server.stop(),
  });
}

/** What a client can put on the wire. */
function toHeader(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 12_000)
    .trim();
}
