export type JsonObject = { readonly [key: string]: unknown };

/** A setting that one machine may have of another. */
interface SharedSetting {
  readonly path: readonly [string, ...string[]];
  readonly fits: (value: unknown) => boolean;
}

const colour = matching(/^#?[0-9a-f]{6}$/i);
const word = matching(/^[a-z][a-z0-9-]{0,31}$/);
const language = matching(/^[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}$/);

/**
 * All that a seed holds of an `openclaw.json`, for the machine that offers it and for the one that takes it. Closed: each
 * leaf by its whole path, with the values that it may have. Nothing here acts, spends, lets anybody in, or says where
 * something is sent; none of it is free text, an address or a path. How the agents think and what they may use is set up on
 * each machine.
 */
export const sharedSettings: readonly SharedSetting[] = [
  { path: ["ui", "seamColor"], fits: colour },
  { path: ["ui", "prefs", "theme"], fits: word },
  { path: ["ui", "prefs", "themeMode"], fits: oneOf("light", "dark", "system") },
  { path: ["ui", "prefs", "accent"], fits: matching(/^(?:theme|#?[0-9a-f]{6})$/i) },
  { path: ["ui", "prefs", "locale"], fits: language },
  { path: ["ui", "prefs", "chatSendShortcut"], fits: oneOf("enter", "modifier-enter") },
  {
    path: ["agents", "defaults", "userTimezone"],
    fits: matching(/^[A-Za-z]{2,20}(?:[/_+-][A-Za-z0-9]{1,20}){0,5}$/),
  },
  { path: ["agents", "defaults", "typingMode"], fits: oneOf("never", "instant", "thinking", "message") },
  // One emoji, as long as a family or a flag is.
  {
    path: ["messages", "ackReaction"],
    fits: matching(
      /^(?=.{1,16}$)(?:[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}]|\ufe0f|\u200d)+$/u,
    ),
  },
  // Words alone: no marks that a gateway reads in answers, such as NO_REPLY, MEDIA: or [[…]].
  {
    path: ["messages", "responsePrefix"],
    fits: matching(/^(?! )\[?(?! )(?:[\p{L}\p{N}\p{Extended_Pictographic} -]|\ufe0f){1,32}\]?$/u),
  },
  { path: ["talk", "speechLocale"], fits: language },
  { path: ["talk", "interruptOnSpeech"], fits: (value) => typeof value === "boolean" },
];

/** What of a configuration is in {@link sharedSettings}, and of the kind that stands there. Pure; what it gives, it gives back. */
export function toShareableConfig(config: unknown): JsonObject {
  const shared: Record<string, unknown> = {};
  for (const { path, fits } of sharedSettings) {
    const value = ownValueAt(config, path);
    if (fits(value)) setAt(shared, path, value);
  }
  return shared;
}

/** Whether a key of that name stands anywhere in the value. Not for values deeper than a parser lets through. */
export function hasKeyAnywhere(value: unknown, key: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Object.hasOwn(value, key)) return true;
  return Object.values(value).some((inner) => hasKeyAnywhere(inner, key));
}

function matching(shape: RegExp): SharedSetting["fits"] {
  return (value) => typeof value === "string" && shape.test(value);
}

function oneOf(...values: readonly string[]): SharedSetting["fits"] {
  return (value) => typeof value === "string" && values.includes(value);
}

function ownValueAt(value: unknown, path: readonly string[]): unknown {
  let here = value;
  for (const step of path) {
    if (!isObject(here) || !Object.hasOwn(here, step)) return undefined;
    here = here[step];
  }
  return here;
}

function setAt(target: Record<string, unknown>, path: SharedSetting["path"], value: unknown): void {
  const [step, ...more] = path;
  const [next, ...rest] = more;
  if (next === undefined) {
    target[step] = value;
    return;
  }
  const here = target[step];
  const inner: Record<string, unknown> = isObject(here) ? here : {};
  target[step] = inner;
  setAt(inner, [next, ...rest], value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
