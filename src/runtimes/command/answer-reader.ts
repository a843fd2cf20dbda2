import type { RuntimeErrorKind } from "../../protocol/failure.ts";
import type { RunChunk } from "../runtime.ts";

/** Takes what a program prints, piece by piece, and makes an answer of it. */
export interface AnswerReader {
  readonly push: (bytes: Uint8Array) => void;
  /** Nothing more comes. */
  readonly end: () => void;
  readonly result: () => AnswerText;
}

export type AnswerText =
  | { readonly kind: "text"; readonly text: string }
  /** The program said itself that it failed. */
  | { readonly kind: "error"; readonly errorKind: RuntimeErrorKind; readonly message: string }
  /** Nothing that could be an answer; the detail continues "printed no answer". */
  | { readonly kind: "none"; readonly detail: string };

export interface AnswerReaderOptions {
  readonly onChunk: (chunk: RunChunk) => void;
  /** The answer has become too long; called once, and nothing is kept from then on. */
  readonly onTooLarge: () => void;
}
