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
 * One synchronous request; never a second one, as a repeated key is answered without the answer. A request that is dropped should
 * end its turn in the gateway, which nothing confirms.
 */
export async function runWebhook(run: WebhookRun): Promise<RunOutcome> {
  const { options, attempt, stop, reach } = run;
  const { httpUrl } = options.address;
  if (attempt.session !== null) return refuse(describeNoSessions(reach));
  const body = JSON.stringify({ message: attempt.content });
  if (exceedsBytes(body, maxWebhookBytes)) {
    const message = tooLongMessage(httpUrl);
    return fail({ class: "runtime_error", kind: "bad_request", message, nothing_done: true });
  }
  const cause = stop.cause();
  if (cause !== null) return cause === "closed" ? closedOutcome : toStopOutcome(cause);
  try {
    return await submit(run, body);
  } catch (error) {
    if (stop.cause() !== null) return toDroppedOutcome(stop, httpUrl);
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
  if (reply.status !== 200) return fail(matchWebhookFailure(reply, httpUrl));
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

/** Its session scopes the memory of the agent; no turn of it knows the ones before. */
function describeNoSessions({ version }: WebhookRun["reach"]): string {
  if (keepsSessions(version)) return "ZeroClaw's webhook keeps no conversations; set `via` to `socket`";
  const which = version === null ? "this version of it" : `version ${version.text}`;
  return `ZeroClaw keeps no conversations in ${which}; update to 0.5 or later, and set \`via\` to \`socket\``;
}

/** The request was dropped after it had gone out. Nothing tells whether ZeroClaw has dropped its turn. */
function toDroppedOutcome(stop: StopSignal, location: string): RunOutcome {
  const cause = stop.cause();
  if (cause === "timeout") return toStopOutcome(cause);
  if (cause === "closed") return { ...closedOutcome, started: true, fenced: false };
  const reason = `the request to ${location} was dropped; its webhook does not confirm that the run was stopped`;
  return { kind: "lost", started: true, fenced: false, reason };
}

const fail = (failure: Failure): RunOutcome => ({ kind: "failed", failure });
const refuse = (message: string): RunOutcome => fail({ class: "refused", message });
