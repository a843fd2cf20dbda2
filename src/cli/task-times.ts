import { fromIsoTime } from "../platform/clock.ts";
import type { TaskInput } from "../protocol/message.ts";
import type { CliContext } from "./context.ts";

type Times = Pick<TaskInput, "not_before" | "expires_at">;

interface TimesQuestion {
  readonly times: Times;
  /** How the two are called where they were given. */
  readonly names: { readonly notBefore: string; readonly expiresAt: string };
  /** A message of this key may be there already, and is found again although its time is over. */
  readonly isOwnKey: boolean;
}

/** Why a message with these times could never run, in words; null: it could. */
export function timesProblem(
  { clock, texts }: CliContext,
  { times, names, isOwnKey }: TimesQuestion,
): string | null {
  const { not_before, expires_at } = times;
  if (expires_at === undefined) return null;
  if (!isOwnKey && fromIsoTime(expires_at) <= clock.nowMs()) {
    return texts.tasks.expiredBefore(names.expiresAt, expires_at);
  }
  if (not_before !== undefined && fromIsoTime(not_before) >= fromIsoTime(expires_at)) {
    return texts.tasks.expiresTooSoon(names.expiresAt, names.notBefore);
  }
  return null;
}
