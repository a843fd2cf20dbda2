import fc from "fast-check";
import {
  decodeCoordinatorFrames,
  decodeNodeFrames,
  encodeFrame,
  joinFrames,
} from "../../../../src/link/frame-codec.ts";
import { CoordinatorFrame, NodeFrame } from "../../../../src/protocol/link/v1/frames.ts";
import { fromSchema, putIds } from "../from-schema.ts";
import { hostileText, hostileValue } from "../hostile-values.ts";
import { asTarget, type FuzzTarget, holdsNothing } from "../target.ts";

/** Messages of a link as text, most of them nearly right. */
export const linkMessages = (schema: typeof NodeFrame | typeof CoordinatorFrame): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .array(fromSchema(schema), { maxLength: 3 })
        .map((value) => JSON.stringify(putIds(value, []))),
    },
    { weight: 1, arbitrary: hostileValue.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: hostileText },
  );

/** What is read is the same when it is written and read again; what is not read is refused with a reason. */
export async function startFrames(): Promise<FuzzTarget> {
  return asTarget({
    inputs: fc.oneof(linkMessages(NodeFrame), linkMessages(CoordinatorFrame)),
    feed: (text) => {
      for (const decode of [decodeNodeFrames, decodeCoordinatorFrames]) {
        const decoded = decode(text);
        if (!decoded.ok) {
          if (decoded.reason === "") throw new Error("refused without a reason");
          continue;
        }
        const again = decode(joinFrames(decoded.frames.map(encodeFrame)));
        if (!again.ok || JSON.stringify(again.frames) !== JSON.stringify(decoded.frames))
          throw new Error("read differently again");
      }
    },
    [Symbol.asyncDispose]: holdsNothing,
  });
}
