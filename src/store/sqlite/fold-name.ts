/** The form in which names are compared: SQLite's own `nocase` knows only ASCII letters. */
export function foldName(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
