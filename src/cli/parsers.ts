import type { CliContext } from "./context.ts";

/** A value of a flag that cannot be read; its message continues the sentence `--flag: "value" …`. */
export class BadValue extends Error {
  override readonly name = "BadValue";
}

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `90`, `30s`, `5m`, `2h`, `1d`. */
export function parseDuration(this: CliContext, text: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  const seconds = Number(parts?.[1]) * (unitSeconds[parts?.[2] ?? "s"] ?? Number.NaN);
  if (!(seconds > 0)) throw new BadValue(this.texts.errors.notADuration);
  return seconds;
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

export function parseText(text: string): string {
  return text;
}
