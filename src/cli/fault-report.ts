import { writeSync } from "node:fs";
import { redactText } from "../protocol/redact-text.ts";
import { Secret } from "../protocol/secret.ts";

/** The parts of the process that may hold secrets. */
export interface FaultSurroundings {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

const secretName = /token|secret|passw|invite|key|credential|proxy/i;

/**
 * What is written when something escaped everything that should have caught it: one English line, without secrets;
 * with `isDetailed` the stack follows.
 */
export function renderFault(
  error: unknown,
  surroundings: FaultSurroundings & { readonly isDetailed: boolean },
): string {
  const name = error instanceof Error ? error.name : "a thrown value";
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const place = /\bat .+/.exec(stack)?.[0] ?? "at an unknown place";
  const line = toOneLine(
    `claw-mesh ended by a fault of its own (INTERNAL): ${name}: ${message} ${place}; please report it`,
  );
  return withoutSecrets(surroundings.isDetailed && stack !== "" ? `${line}\n${stack}` : line, surroundings);
}

/** For the last words before an exit, which does not wait for a stream. */
export function writeAtOnce(fileDescriptor: number, text: string): void {
  writeSync(fileDescriptor, text);
}

function toOneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

function withoutSecrets(text: string, { args, env }: FaultSurroundings): string {
  const given = [
    ...Object.entries(env).map(([name, value]) => (secretName.test(name) ? value : undefined)),
    ...args.map((arg, index) => valueOfSecretFlag(arg, args[index + 1])),
  ];
  return redactText(
    text,
    given.filter((value) => value !== undefined).map((value) => new Secret(value)),
  );
}

/** `--token x`, `--token=x` */
function valueOfSecretFlag(arg: string, next: string | undefined): string | undefined {
  if (!arg.startsWith("--")) return undefined;
  const equals = arg.indexOf("=");
  const name = equals < 0 ? arg : arg.slice(0, equals);
  if (!secretName.test(name)) return undefined;
  return equals < 0 ? next : arg.slice(equals + 1);
}
