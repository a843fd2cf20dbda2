import { hasSteering } from "../../protocol/steering.ts";

/** What a text is laid out with; no other control character belongs into one. */
const layout = /^\ufeff|[\t\n\r]/g;

/** A choice of how an emoji looks, behind something that is none: nobody sees it, and two kinds of it can spell anything. */
const strayChoice = /(?<!\p{Emoji})[\ufe0e\ufe0f]/u;

/** Whether there is anything in a text of several lines that an agent reads and a person does not see. */
export function hasHiddenText(text: string): boolean {
  return hasSteering(text.replace(layout, "")) || strayChoice.test(text);
}
