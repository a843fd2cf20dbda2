import { z } from "zod";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { exceedsBytes } from "../../platform/text-size.ts";
import type { Failure } from "../../protocol/failure.ts";
import { matchConnectionOutcome } from "../connection-outcome.ts";
import type { RunOutcome, RuntimeAttempt } from "../runtime.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import type { StopSignal } from "../stop-signal.ts";
import { matchWebhookFailure, maxWebhookBytes, tooLongMessage } from "./failure-map.ts";
import { callGateway, type GatewayAccess } from "./gateway-api.ts";
import type { Reach } from "./reach-gateway.ts";
import { toSessionId } from "./session-id.ts";
import { keepsSessions } from "./version.ts";

export interface WebhookRunOptions extends GatewayAccess {
  readonly agent: string;
  readonly maxAnswerBytes: number;
}

interface WebhookRun {
  readonly options: WebhookRunOptions;
  readonly attempt: RuntimeAttempt;
  readonly stop: StopSignal;
  readonly reach: Extract<Reach, { readonly kind: "ready" }>;
}

const Answer = z.object({ response: z.string() });
const Duplicate = z.object({ status: z.literal("duplicate") });

/**
 * One synchronous request; never a second one, as a repeated key is answered without the answer. A request that is dropped ends
 * its turn in the gateway.
 */
export async function runWebhook(run: WebhookRun): Promise<RunOutcome> {
  const { options, attempt, stop, reach } = run;
  const { httpUrl } = options.address;
  if (attempt.session !== null && !keepsSessions(reach.version)) {
    const which = reach.version === null ? "this version of it" : `version ${reach.version.text}`;
    return refuse(`ZeroClaw keeps no conversations in ${which}; update to 0.5 or later`);
  }
  const body = JSON.stringify({ message: attempt.content });
  if (exceedsBytes(body, maxWebhookBytes)) {
    const message = tooLongMessage(httpUrl);
    return fail({ class: "runtime_error", kind: "bad_request", message, nothing_done: true });
  }
  if (stop.cause() !== null) return toStopped(stop, false);
  try {
    return await submit(run, body);
  } catch (error) {
    if (stop.cause() !== null) return toStopped(stop, true);
    return matchConnectionOutcome(errorCodeOf(error), httpUrl);
  }
}

/** Rejects when the connection is lost or the run was stopped. */
async function submit({ options, attempt, stop, reach }: WebhookRun, body: string): Promise<RunOutcome> {
  const { httpUrl } = options.address;
  const reply = await callGateway(options, {
    method: "POST",
    path: `/webhook?${new URLSearchParams({ agent: options.agent })}`,
    token: reach.token,
    headers: { "x-session-id": toSessionId(attempt), "x-idempotency-key": attempt.key },
    body,
    signal: stop.signal,
    // In JSON a character takes up to six bytes.
    maxBytes: options.maxAnswerBytes * 6,
  });
  if (reply.status !== 200) return fail(matchWebhookFailure(reply.status, httpUrl));
  const answer = Answer.safeParse(reply.body);
  if (reply.isTooLong || (answer.success && exceedsBytes(answer.data.response, options.maxAnswerBytes))) {
    return fail({ class: "too_large", message: `the answer is longer than ${options.maxAnswerBytes} bytes` });
  }
  if (answer.success) {
    if (answer.data.response !== "") return { kind: "succeeded", text: answer.data.response };
    return fail({ class: "runtime_error", kind: "internal", message: "ZeroClaw answered without any text" });
  }
  if (Duplicate.safeParse(reply.body).success) {
    const reason = `${httpUrl} had this message before and does not tell the answer again`;
    return { kind: "lost", started: true, fenced: false, reason };
  }
  const message = `what answers at ${httpUrl}/webhook is no ZeroClaw`;
  return fail({ class: "runtime_error", kind: "bad_request", message });
}

function toStopped(stop: StopSignal, isSubmitted: boolean): RunOutcome {
  const cause = stop.cause();
  if (cause !== "closed") return toStopOutcome(cause);
  return isSubmitted ? { ...closedOutcome, started: true, fenced: false } : closedOutcome;
}

const fail = (failure: Failure): RunOutcome => ({ kind: "failed", failure });
const refuse = (message: string): RunOutcome => fail({ class: "refused", message });
