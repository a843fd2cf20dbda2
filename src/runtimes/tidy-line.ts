import { redactText } from "../protocol/redact-text.ts";
import type { Secret } from "../protocol/secret.ts";
import { replaceSteering } from "../protocol/steering.ts";

/** Characters of a failure message or reason that a program had a part in. */
const maxLineLength = 500;

/** One line of bounded length, without secrets and without characters that steer a terminal or hide. */
export function tidyLine(text: string, secrets: readonly Secret[]): string {
  const line = replaceSteering(redactText(text, secrets), () => " ")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return line.length <= maxLineLength ? line : `${line.slice(0, maxLineLength - 1)}…`;
}
