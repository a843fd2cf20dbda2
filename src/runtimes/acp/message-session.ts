import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { AcpAdapter } from "./adapter.ts";
import { matchRequestError } from "./agent-outcome.ts";
import type { AgentLink } from "./agent-process.ts";
import { describeEnd } from "./end-description.ts";
import type { OpenedSession } from "./sessions.ts";

/** The session that a message gets; nothing of it was given to the agent yet. */
export type MessageSession =
  | { readonly kind: "open"; readonly id: string }
  /** The signal was aborted. */
  | { readonly kind: "stopped" }
  | { readonly kind: "failed"; readonly failure: Failure };

interface SessionWish {
  readonly meshKey: string | null;
  readonly signal: AbortSignal;
}

/** Opens a session, and releases it again when it comes too late. Rejects for faults of this side only. */
export async function openForMessage(
  adapter: AcpAdapter,
  link: AgentLink,
  { meshKey, signal }: SessionWish,
): Promise<MessageSession> {
  const opening = adapter.sessions.open(link, meshKey);
  // The limit is the agent's, and holds for one that nobody waits for any more, too.
  const ending = settleInTime(adapter, link, opening);
  const end = await unlessAborted(ending, signal);
  if (end === "aborted" || (signal.aborted && end.kind === "answered")) {
    void releaseLate(adapter, link, { opening, meshKey });
    return { kind: "stopped" };
  }
  if (end.kind === "too late") {
    void releaseLate(adapter, link, { opening, meshKey });
    return refuse(`${adapter.location} ${end.reason}`);
  }
  if (end.kind === "failed") return await toOpeningFailure(adapter, link, end.error);
  adapter.login.noteOpened();
  if (end.value.kind === "open") return end.value;
  return refuse(`${adapter.location} gave a new session the id of another one`);
}

type OpeningEnd = Settled<OpenedSession> | { readonly kind: "too late"; readonly reason: string };

/** An agent that works on messages may come to it later; one that does not is there in no way that matters, and is ended. */
async function settleInTime(
  { keeper, limits, options, turns }: AcpAdapter,
  link: AgentLink,
  opening: Promise<OpenedSession>,
): Promise<OpeningEnd> {
  const limitMs = limits.openMs;
  const reason = `did not open a session within ${limitMs / 1000} s`;
  const otherwise: OpeningEnd = { kind: "too late", reason };
  const end = await waitAtMost<OpeningEnd>(settleRequest(opening), {
    clock: options.clock,
    limitMs,
    otherwise,
  });
  if (end.kind === "too late" && turns.size === 0) await keeper.kill(link, reason);
  return end;
}

interface LateSession {
  readonly opening: Promise<OpenedSession>;
  readonly meshKey: string | null;
}

async function releaseLate(
  { sessions }: AcpAdapter,
  link: AgentLink,
  { opening, meshKey }: LateSession,
): Promise<void> {
  const late = await settleRequest(opening);
  if (late.kind === "failed" || late.value.kind !== "open") return;
  sessions.release(link, { id: late.value.id, meshKey, isInDoubt: false });
}

async function toOpeningFailure(
  adapter: AcpAdapter,
  link: AgentLink,
  error: unknown,
): Promise<MessageSession> {
  const { location, login } = adapter;
  const failure = matchRequestError(error, { location, wantsLogin: true });
  if (failure !== null) {
    if (failure.kind === "auth") login.noteRefused(link);
    return { kind: "failed", failure: { ...failure, nothing_done: true } };
  }
  return refuse(
    link.isClosed()
      ? `${location} ${await describeEnd(adapter, link)}`
      : `${location} opens sessions in a way that ACP does not have`,
  );
}

type Settled<T> =
  | { readonly kind: "answered"; readonly value: T }
  | { readonly kind: "failed"; readonly error: unknown };

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | "aborted"> {
  const aborted = Promise.withResolvers<"aborted">();
  const onAbort = () => aborted.resolve("aborted");
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export function settleRequest<T>(request: Promise<T>): Promise<Settled<T>> {
  return request.then(
    (value): Settled<T> => ({ kind: "answered", value }),
    (error: unknown): Settled<T> => ({ kind: "failed", error }),
  );
}

function refuse(message: string): MessageSession {
  return { kind: "failed", failure: { class: "refused", message } };
}
