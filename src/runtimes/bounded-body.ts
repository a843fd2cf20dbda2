import { parseJsonText } from "../protocol/json-text.ts";

/**
 * The body as text, or null when it is longer than the limit; the rest is not read then.
 * Rejects when the connection is lost or the request was aborted.
 */
export async function readBoundedBody(response: Response, maxBytes: number): Promise<string | null> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let text = "";
  let length = 0;
  while (true) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.byteLength;
    if (length > maxBytes) {
      await reader.cancel();
      return null;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** The text as JSON; undefined when it is none. For the replies of other programs, to be read by a schema next. */
export function readJson(text: string | null): unknown {
  if (text === null) return undefined;
  try {
    return parseJsonText(text);
  } catch {
    // Whatever it is, it is not JSON, which is all that the caller asks.
    return undefined;
  }
}
