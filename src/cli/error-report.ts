import { z } from "zod";
import type { Catalogue } from "../locale/index.ts";
import type { Output } from "../platform/terminal.ts";
import { Decision } from "../protocol/decision.ts";
import { errorCatalogue, MeshError } from "../protocol/errors.ts";
import { TaskId } from "../protocol/ids.ts";
import { redactText, redactValue } from "../protocol/redact-text.ts";
import { toJsonText } from "./print.ts";
import { renderDecision } from "./render/decision.ts";
import { createPaint } from "./render/paint.ts";
import { toPrintable, toSafeText } from "./render/safe-text.ts";

/** What the coordinator says about a message that came to no answer. */
const MessageDetails = z.object({
  message_id: TaskId,
  node_id: z.string().optional(),
  node_name: z.string().optional(),
});

interface ReportOptions {
  readonly texts: Catalogue;
  readonly output: Output;
  readonly json: boolean;
}

/** An error as it is written to standard error, without the last newline. */
export function renderError(error: unknown, options: ReportOptions): string {
  const known = toKnownError(error, options.texts);
  return options.json ? toErrorJson(known) : toErrorText(known, options);
}

/** Anything but a MeshError is a fault of this program, or an interrupt. */
export function toKnownError(error: unknown, texts: Catalogue): MeshError {
  if (error instanceof MeshError) return error;
  if (error instanceof DOMException && error.name === "AbortError") {
    return new MeshError("MESSAGE_CANCELLED", texts.errors.interrupted, { hint: "" });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new MeshError("INTERNAL", texts.errors.unexpected(message), { cause: error });
}

function toErrorJson(error: MeshError): string {
  const { request_id = null, ...details } = error.details ?? {};
  const body = {
    error: redactText(error.message),
    code: error.code,
    hint: error.hint,
    request_id,
    exit_code: error.exitCode,
    ...(Object.keys(details).length === 0 ? {} : { details: redactValue(details) }),
  };
  return toJsonText(body).trimEnd();
}

function toErrorText(error: MeshError, { texts, output }: ReportOptions): string {
  const paint = createPaint(output);
  const requestId = error.details?.request_id;
  const lines = [`${paint("red", texts.errors.prefix)} ${toSafeText(redactText(error.message))}`];
  const about = MessageDetails.safeParse(error.details);
  if (about.success)
    lines.push(toSafeText(texts.errors.aboutMessage(about.data.message_id, nodeOf(about.data))));
  const decision = Decision.safeParse(error.details?.decision);
  if (decision.success) lines.push(renderDecision(decision.data, texts, output).trimEnd());
  // The reasons stand above already.
  const isTold = decision.success && error.hint === errorCatalogue.NO_NODE_FITS.hint;
  // Who types a command sees no body and no query.
  const isOfApi =
    error.hint === errorCatalogue.BODY_INVALID.hint || error.hint === errorCatalogue.QUERY_INVALID.hint;
  const hint = isOfApi ? texts.errors.requestHint : error.hint;
  if (hint !== "" && !isTold) lines.push(`${paint("dim", texts.errors.hint)} ${toSafeText(hint)}`);
  if (error.code === "INTERNAL" && typeof requestId === "string")
    lines.push(texts.errors.requestId(requestId));
  return toPrintable(lines.join("\n"), output.hasColour);
}

/** null: it reached none. */
function nodeOf({ node_id, node_name }: z.infer<typeof MessageDetails>): string | null {
  if (node_id === undefined) return null;
  return node_name === undefined ? node_id : `${node_name} (${node_id})`;
}
