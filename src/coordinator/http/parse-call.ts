import type { z } from "zod";
import { type ErrorCode, issueLines, MeshError } from "../../protocol/errors.ts";
import type { RouteContract } from "../../protocol/http/route.ts";
import { parseJson } from "./read-body.ts";

/** Path parameters as the contract's schema reads them. Throws QUERY_INVALID. */
export function parseParams(route: RouteContract, params: Readonly<Record<string, string>>): unknown {
  return route.params === undefined ? undefined : parseWith(route.params, params, "QUERY_INVALID", "path");
}

/** Throws QUERY_INVALID. */
export function parseQuery(route: RouteContract, url: string): unknown {
  if (route.query === undefined) return undefined;
  const mark = url.indexOf("?");
  const pairs = [...new URLSearchParams(mark < 0 ? "" : url.slice(mark))];
  const query = Object.fromEntries(pairs);
  if (Object.keys(query).length < pairs.length) {
    // One of them would count and the others would not, without a word.
    throw new MeshError(
      "QUERY_INVALID",
      "The query names a parameter twice; several values are joined by commas.",
    );
  }
  return parseWith(route.query, query, "QUERY_INVALID", "query");
}

/** Throws BODY_NOT_JSON or BODY_INVALID. */
export function parseBody(route: RouteContract, bodyText: string): unknown {
  if (route.body === undefined) return undefined;
  const isAbsent = route.isBodyOptional === true && bodyText === "";
  return parseWith(route.body, isAbsent ? {} : parseJson(bodyText), "BODY_INVALID", "body");
}

function parseWith(schema: z.ZodType, value: unknown, code: ErrorCode, what: string): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = issueLines(parsed.error);
  throw new MeshError(code, `The ${what} does not fit: ${issues.slice(0, 3).join("; ")}.`, {
    details: { issues },
  });
}

/** Throws BODY_NOT_JSON unless the body is declared as JSON, which no form of a foreign page can do. */
export function assertJsonType(headers: Headers): void {
  const type = headers.get("content-type") ?? "";
  if (/^application\/json\s*(?:;|$)/i.test(type)) return;
  throw new MeshError("BODY_NOT_JSON", "A browser has to send the body as application/json.", {
    hint: "Set Content-Type: application/json.",
  });
}
