/**
 * Whether a text fits a glob: `*` stands for any run of characters, `?` for one. Both must be in lower case already.
 * Time is bounded by the product of the lengths, whatever the pattern.
 */
export function matchGlob(glob: string, text: string): boolean {
  let globAt = 0;
  let textAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    const wanted = glob[globAt];
    if (wanted === "*") {
      starAt = globAt++;
      resumeAt = textAt;
    } else if (wanted === "?" || wanted === text[textAt]) {
      globAt++;
      textAt++;
    } else if (starAt >= 0) {
      globAt = starAt + 1;
      textAt = ++resumeAt;
    } else {
      return false;
    }
  }
  while (glob[globAt] === "*") globAt++;
  return globAt === glob.length;
}
