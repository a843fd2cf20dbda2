/**
 * Puts snapshots and chunks together and writes each part once. A lower offset, another attempt or another text than
 * the one written starts the text again.
 */
export function createLiveText(
  write: (text: string) => void,
  hooks: { readonly onStart: () => void; readonly onRestart: () => void },
) {
  let written = "";
  let base = 0;
  let attempt = 0;
  const replace = (text: string) => {
    if (written === "" || text.startsWith(written)) {
      if (written === "" && text !== "") hooks.onStart();
      write(text.slice(written.length));
    } else {
      hooks.onRestart();
      hooks.onStart();
      write(text);
    }
    written = text;
  };
  return {
    add: (part: { readonly attempt: number; readonly offset: number; readonly text: string }) => {
      const keep = part.attempt === attempt ? part.offset - base : -1;
      attempt = part.attempt;
      if (keep >= 0 && keep <= written.length) {
        replace(written.slice(0, keep) + part.text);
      } else {
        base = part.offset;
        replace(part.text);
      }
    },
    /** The whole answer, as the result has it. */
    complete: (text: string) => {
      if (base > 0 && text.endsWith(written)) return;
      replace(text);
    },
  };
}
