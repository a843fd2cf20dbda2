import { MeshError } from "../../protocol/errors.ts";
import { parseJsonText } from "../../protocol/json-text.ts";

/** Reads the body as text, refusing it as soon as it is known to be longer than the limit. */
export async function readBody(request: Request, maxBytes: number): Promise<string> {
  const declared = request.headers.get("content-length");
  if (Number(declared) > maxBytes) throw tooLarge(maxBytes);
  try {
    if (declared !== null) return await request.text();
    return request.body === null ? "" : await readChunked(request.body, maxBytes);
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError("BODY_NOT_JSON", "The client left in the middle of its body.", { cause });
  }
}

async function readChunked(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.byteLength;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function tooLarge(maxBytes: number): MeshError {
  return new MeshError("BODY_TOO_LARGE", `The body is longer than ${maxBytes} bytes.`);
}

export function parseJson(text: string): unknown {
  if (text === "") throw new MeshError("BODY_NOT_JSON", "The request has no body.");
  try {
    return parseJsonText(text);
  } catch (cause) {
    throw new MeshError("BODY_NOT_JSON", "The body is not valid JSON.", { cause });
  }
}
