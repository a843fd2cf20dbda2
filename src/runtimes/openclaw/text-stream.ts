import type { RunChunk } from "../runtime.ts";
import { matchText } from "../text-change.ts";
import type { AssistantData } from "./gateway-schemas.ts";

/** The answer as far as it has been streamed. */
export interface TextSoFar {
  /** The part of the turn that the text belongs to; a tool call or a retry begins another. */
  readonly itemId: string | null;
  readonly text: string;
}

export const noText: TextSoFar = { itemId: null, text: "" };

interface TextStep {
  readonly soFar: TextSoFar;
  /** null: nothing changed for a reader. */
  readonly chunk: RunChunk | null;
}

/**
 * Takes one `assistant` event. OpenClaw sends the text of the current item as a whole and as a delta; after a retry it
 * sends `replace` with an empty text, after a tool call a new item that begins from nothing.
 */
export function nextText(soFar: TextSoFar, data: AssistantData): TextStep {
  const itemId = data.itemId ?? soFar.itemId;
  const isNewItem = soFar.itemId !== null && itemId !== soFar.itemId;
  const startsAgain = isNewItem || data.replace === true;
  const base = startsAgain ? "" : soFar.text;
  const text = data.text ?? base + (data.delta ?? "");
  const isAppended =
    !startsAgain && data.delta !== undefined && text.length === base.length + data.delta.length;
  const chunk = isAppended
    ? appendChunk(soFar.text, data.delta ?? "")
    : startsAgain
      ? replaceChunk(soFar.text, text)
      : matchText(soFar.text, text);
  return { soFar: { itemId, text }, chunk };
}

function appendChunk(from: string, delta: string): RunChunk | null {
  return delta === "" ? null : { offset: from.length, text: delta };
}

function replaceChunk(from: string, to: string): RunChunk | null {
  return from === "" && to === "" ? null : { offset: 0, text: to };
}
