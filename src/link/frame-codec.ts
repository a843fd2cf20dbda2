import type { z } from "zod";
import { issueLines } from "../protocol/errors.ts";
import { countParts, parseJsonText } from "../protocol/json-text.ts";
import { CoordinatorFrame, maxLinkMessageBytes, NodeFrame } from "../protocol/link/v1/frames.ts";

/** Commas and openings in one message at most. The longest `hello` has 100,000, a batch of small frames a fifth of that. */
export const maxMessageParts = 250_000;

/** Characters of a message whose parts are not worth counting. */
const uncountedLength = 512;

/** What a message held, or why it breaks the protocol. */
export type Decoded<Frame> =
  | {
      readonly ok: true;
      readonly frames: readonly Frame[];
      /** Frames of a type that this version does not know; they were passed over. */
      readonly ignored: number;
      /** Commas and openings; 0 of a short message. */
      readonly parts: number;
    }
  | { readonly ok: false; readonly reason: string };

export type DecodeFrames<Frame> = (text: string) => Decoded<Frame>;

/** One frame as it stands in a message. */
export function encodeFrame(frame: NodeFrame | CoordinatorFrame): string {
  return JSON.stringify(frame);
}

/** A message made of frames that were encoded one by one. */
export function joinFrames(encoded: readonly string[]): string {
  return `[${encoded.join(",")}]`;
}

/** Frames that nodes send. */
export const decodeNodeFrames: DecodeFrames<NodeFrame> = createDecoder(NodeFrame);

/** Frames that coordinators send. */
export const decodeCoordinatorFrames: DecodeFrames<CoordinatorFrame> = createDecoder(CoordinatorFrame);

interface FrameUnion<Frame> {
  readonly options: readonly { readonly shape: { readonly type: { readonly value: string } } }[];
  readonly safeParse: (value: unknown) => z.ZodSafeParseResult<Frame>;
}

// zod's discriminated union costs 0.2 to 0.4 µs for the frequent frames: no separate table of schemas pays here.
function createDecoder<Frame>(union: FrameUnion<Frame>): DecodeFrames<Frame> {
  const known = new Set(union.options.map((option) => option.shape.type.value));
  return (text) => {
    // UTF-16 code units never exceed bytes; the server's socket has counted the bytes before.
    if (text.length > maxLinkMessageBytes) return { ok: false, reason: "the message is too long" };
    const parts = text.length <= uncountedLength ? 0 : countParts(text);
    if (parts > maxMessageParts) return { ok: false, reason: "the message has too many parts" };
    const values = parseArray(text);
    if (values === null) return { ok: false, reason: "the message is not a JSON array" };
    const frames: Frame[] = [];
    for (const value of values) {
      const type = frameType(value);
      if (type === null) return { ok: false, reason: "a frame has no type" };
      if (!known.has(type)) continue;
      const parsed = union.safeParse(value);
      if (!parsed.success)
        return { ok: false, reason: `${type}: ${issueLines(parsed.error)[0] ?? "invalid"}` };
      frames.push(parsed.data);
    }
    return { ok: true, frames, ignored: values.length - frames.length, parts };
  };
}

function parseArray(text: string): readonly unknown[] | null {
  let value: unknown;
  try {
    value = parseJsonText(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return Array.isArray(value) ? value : null;
}

function frameType(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("type" in value)) return null;
  return typeof value.type === "string" ? value.type : null;
}
