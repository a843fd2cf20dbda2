import { toIsoTime } from "../platform/clock.ts";
import { TokenScope } from "../protocol/access.ts";
import { RetryCause, TaskInput } from "../protocol/message.ts";
import { nearestName } from "../protocol/nearest-name.ts";
import { Secret } from "../protocol/secret.ts";
import type { CliContext } from "./context.ts";

/** A value of a flag that cannot be read; its message continues the sentence `--flag: "value" …`. */
export class BadValue extends Error {
  override readonly name = "BadValue";
}

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `90`, `30s`, `5m`, `2h`, `1d`. */
export function parseDuration(this: CliContext, text: string): number {
  const seconds = durationSeconds(text);
  if (seconds === null) throw new BadValue(this.texts.errors.notADuration);
  return seconds;
}

/** null: it is no duration. */
export function durationSeconds(text: string): number | null {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  const seconds = Number(parts?.[1]) * (unitSeconds[parts?.[2] ?? "s"] ?? Number.NaN);
  return seconds > 0 ? seconds : null;
}

/** A moment to come. */
export interface Moment {
  /** RFC 3339. */
  readonly at: string;
  /** It was given as a time from now. */
  readonly isRelative: boolean;
}

/** A moment of RFC 3339, also of `2h`: in two hours. */
export function parseMomentAhead(this: CliContext, text: string): Moment {
  return { at: toMoment(this, text, 1), isRelative: durationSeconds(text) !== null };
}

/** A moment of RFC 3339, also of `2h`: two hours ago. */
export function parseMomentAgo(this: CliContext, text: string): string {
  return toMoment(this, text, -1);
}

/** Moments beyond this are no dates of the platform any more. */
const maxMomentMs = 8.64e15;

function toMoment(context: CliContext, text: string, direction: 1 | -1): string {
  const seconds = durationSeconds(text);
  const atMs = context.clock.nowMs() + direction * (seconds ?? 0) * 1000;
  if (seconds !== null && Math.abs(atMs) <= maxMomentMs) return toIsoTime(atMs);
  if (seconds !== null || !TaskInput.shape.expires_at.safeParse(text).success) {
    throw new BadValue(context.texts.errors.notAMoment);
  }
  return text;
}

export function parsePriority(this: CliContext, text: string): number {
  if (!/^[0-9]$/.test(text)) throw new BadValue(this.texts.errors.notAPriority);
  return Number(text);
}

export function parseRetryCauses(this: CliContext, text: string): readonly RetryCause[] {
  return parseList(text).map((word) => {
    const cause = RetryCause.safeParse(word);
    if (cause.success) return cause.data;
    const near = nearestName(word, RetryCause.options);
    throw new BadValue(this.texts.errors.notACause(RetryCause.options, near));
  });
}

export function parseScopes(this: CliContext, text: string): readonly TokenScope[] {
  const { token } = this.texts;
  return parseWords.call(this, text).map((word) => {
    const scope = TokenScope.safeParse(word);
    if (scope.success) return scope.data;
    throw new BadValue(token.badScope(TokenScope.options, nearestName(word, TokenScope.options)));
  });
}

export function parsePort(this: CliContext, text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new BadValue(this.texts.errors.notAPort);
  return port;
}

export function parseCount(this: CliContext, text: string): number {
  if (!/^\d+$/.test(text)) throw new BadValue(this.texts.errors.notANumber);
  return Number(text);
}

export function parseLabel(this: CliContext, text: string): readonly [key: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new BadValue(this.texts.errors.notALabel);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Words joined by commas; empty ones do not count. */
export function parseList(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** As {@link parseList}, with one word at least. */
export function parseWords(this: CliContext, text: string): readonly string[] {
  const words = parseList(text);
  if (words.length === 0) throw new BadValue(this.texts.token.isEmpty);
  return words;
}

export function parseText(text: string): string {
  return text;
}

/** A key or token of the command line; nothing prints it. */
export function parseSecret(text: string): Secret {
  return new Secret(text);
}
