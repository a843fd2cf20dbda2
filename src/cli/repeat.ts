import { MeshError } from "../protocol/errors.ts";
import type { CliContext } from "./context.ts";
import type { TimeFlags } from "./message-input.ts";
import { shellWord } from "./shell-word.ts";

/** How the same message is sent again without being done twice. */
export interface Repeat {
  readonly key: string;
  /** The user gave the key, so that what it stands for may have been sent before. */
  readonly isOwnKey: boolean;
  /** `--key …`, for a shell. */
  readonly keyFlag: string;
  /** The moments that were given as times from now, as flags: another moment would be another message. */
  readonly timeFlags: readonly string[];
}

interface RepeatFlags extends TimeFlags {
  /** undefined: a new key is made. */
  readonly key?: string;
}

/** @throws MeshError USAGE when a key comes with a time from now: under one key it would be another moment each time */
export function toRepeat(context: CliContext, { key, notBefore, expiresAt }: RepeatFlags): Repeat {
  const timeFlags = [
    ...(notBefore?.isRelative === true ? [`--not-before ${notBefore.at}`] : []),
    ...(expiresAt?.isRelative === true ? [`--expires-at ${expiresAt.at}`] : []),
  ];
  if (key === undefined) {
    const made = context.createSecret();
    return { key: made, isOwnKey: false, keyFlag: `--key ${made}`, timeFlags };
  }
  if (timeFlags.length > 0) {
    const { keyWithTimes, keyWithTimesHint } = context.texts.tasks;
    throw new MeshError("USAGE", keyWithTimes, { hint: keyWithTimesHint(timeFlags) });
  }
  return { key, isOwnKey: true, keyFlag: `--key ${shellWord(key)}`, timeFlags };
}
