import { MeshError } from "../../protocol/errors.ts";
import type { CliContext } from "../context.ts";
import { toSafeLine, toSafeText } from "../render/safe-text.ts";

export type CheckName = keyof CliContext["texts"]["doctor"]["checks"];

/** What one check found. */
export interface Check {
  readonly check: CheckName;
  readonly status: "ok" | "warning" | "failed" | "skipped" | "fixed";
  readonly message: string;
  /** What to do; null when there is nothing to do. */
  readonly remedy: string | null;
  /** Puts it right without harm, for `--fix`; absent: a person has to. */
  readonly fix?: () => Promise<void>;
}

export function ok(check: CheckName, message: string): Check {
  return { check, status: "ok", message, remedy: null };
}

export function warning(check: CheckName, message: string, remedy: string): Check {
  return { check, status: "warning", message, remedy };
}

export function skipped(
  { texts }: Pick<CliContext, "texts">,
  check: CheckName,
  reason = texts.doctor.notReached,
): Check {
  return { check, status: "skipped", message: reason, remedy: null };
}

/** @throws the error when it is a fault of this program */
export function failed(check: CheckName, error: unknown): Check {
  if (!(error instanceof MeshError)) throw error;
  return { check, status: "failed", message: toSafeText(error.message), remedy: toSafeLine(error.hint) };
}

/** Does what can be done without harm; a fix that fails leaves its finding, with the reason. */
export async function fixAll(context: CliContext, checks: readonly Check[]): Promise<readonly Check[]> {
  const { doctor } = context.texts;
  const done: Check[] = [];
  for (const { fix, ...found } of checks) {
    if (fix === undefined) {
      done.push(found);
      continue;
    }
    try {
      await fix();
      done.push({ ...found, status: "fixed", remedy: null });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      done.push({ ...found, remedy: toSafeLine(doctor.notFixed(error.message, found.remedy ?? error.hint)) });
    }
  }
  return done;
}
