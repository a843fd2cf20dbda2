/**
 * What text of other machines may hold to steer a terminal, to turn text round or to hide in it. Names, tags and skills refuse
 * it (capability.ts); answers, reasons and errors stay what they are on the wire and on the disk, and are made safe where
 * they are shown.
 */
const emojiJoiner = String.raw`(?<=\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?)\u200d(?=\p{Extended_Pictographic})`;
const letterParter = String.raw`(?<=[\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}])\u200c(?=\p{L})`;
/** Not what makes one emoji of several, or parts letters of scripts that need it: nothing hides in that. */
const hidden = String.raw`(?!${emojiJoiner}|${letterParter}|[\ufe0e\ufe0f])(?:\p{Default_Ignorable_Code_Point}|[\p{Cf}\u2800])`;
const lineEnds = String.raw`[\u2028\u2029]`;

/** Any of it, each character by itself. */
const steering = new RegExp(String.raw`\p{Cc}|${lineEnds}|${hidden}|\p{Cs}`, "gu");

/** As {@link steering}, without what a JSON text has escaped already, or is laid out with. */
const steeringInJson = new RegExp(String.raw`[\u007f-\u009f]|${lineEnds}|${hidden}|\p{Cs}`, "gu");

/** Whether there is anything of it in the text. */
export function hasSteering(text: string): boolean {
  return text.search(steering) >= 0;
}

/** The text with something else in the place of each such character */
export function replaceSteering(text: string, replace: (character: string) => string): string {
  return text.replace(steering, replace);
}

/** JSON whose text may be looked at: such characters are written as escapes, so that it says exactly the same. */
export function escapeSteeringInJson(json: string): string {
  return json.replace(steeringInJson, (character) =>
    Array.from({ length: character.length }, (_, at) => toEscape(character.charCodeAt(at))).join(""),
  );
}

function toEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
