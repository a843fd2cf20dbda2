/** Most single-letter edits a mistyped word may be away from the name that is suggested for it. */
const maxEdits = 2;

/** The name that was most likely meant, or null when none is near. Compared without case. */
export function nearestName(word: string, names: readonly string[]): string | null {
  let best: string | null = null;
  let bestEdits = Math.min(maxEdits, Math.ceil(word.length / 2)) + 1;
  const typed = word.toLowerCase();
  for (const name of names) {
    // Every letter that one has more is an edit; so a word of any length costs next to nothing.
    if (Math.abs(typed.length - name.length) > maxEdits) continue;
    const edits = editDistance(typed, name.toLowerCase());
    if (edits < bestEdits) {
      best = name;
      bestEdits = edits;
    }
  }
  return best;
}

function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
