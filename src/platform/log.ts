import pino from "pino";
import { redactText, redactValue } from "../protocol/redact-text.ts";
import { escapeSteeringInJson, hasSteering, replaceSteering } from "../protocol/steering.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Facts beside a message: ids, numbers, names. Errors are reduced to their name, code and message. */
export type LogFacts = Readonly<Record<string, unknown>>;

/** Messages are English and constant where tools read them; what varies goes into the facts. One line per event. */
export interface Log {
  readonly debug: (message: string, facts?: LogFacts) => void;
  readonly info: (message: string, facts?: LogFacts) => void;
  readonly warn: (message: string, facts?: LogFacts) => void;
  readonly error: (message: string, facts?: LogFacts) => void;
  /** A log whose lines all carry these facts. */
  readonly child: (facts: LogFacts) => Log;
}

interface LogOptions {
  /** Takes whole lines, newline included. */
  readonly write: (line: string) => void;
  /** `text`: readable lines with `key=value` facts; `json`: one object a line. */
  readonly format: "text" | "json";
  readonly level: LogLevel;
}

/** Not for the way of a single message: a line costs microseconds. */
export function createLog(options: LogOptions): Log {
  const destination =
    options.format === "json"
      ? { write: (line: string) => options.write(`${escapeSteeringInJson(line.trimEnd())}\n`) }
      : { write: (line: string) => options.write(toTextLine(line)) };
  const root = pino(
    {
      level: options.level,
      base: null,
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return toLog(root);
}

/** A log that writes nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

function toLog(logger: pino.Logger): Log {
  const at = (level: LogLevel) => (message: string, facts?: LogFacts) => {
    logger[level](facts === undefined ? {} : redactFacts(facts), redactText(message));
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (facts) => toLog(logger.child(redactFacts(facts))),
  };
}

/** Hides the values of facts whose name says that they are secret, and what looks like one in any text. */
export function redactFacts(facts: LogFacts): Record<string, unknown> {
  return redactValue(facts) as Record<string, unknown>;
}

/** `2026-11-22T10:00:00.000Z INFO  coordinator listening on :9180 mesh=mesh_…` */
function toTextLine(line: string): string {
  const { level, time, message, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const parts = [String(time), String(level).toUpperCase().padEnd(5), toOneLine(String(message))];
  for (const [key, value] of Object.entries(facts)) parts.push(`${key}=${toFactText(value)}`);
  return `${parts.join(" ")}\n`;
}

function toFactText(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  return /^[^\s"=]+$/.test(text) && !hasSteering(text) ? text : escapeSteeringInJson(JSON.stringify(text));
}

/** Text of other machines must not start lines of its own, nor steer the terminal, nor hide. */
function toOneLine(text: string): string {
  return replaceSteering(text, () => " ").replace(/ {2,}/g, " ");
}
