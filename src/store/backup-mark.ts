/**
 * Whether this database is a backup that was put in the place of a newer one. What is unfinished in it may have run since;
 * nothing in it tells.
 */
export interface BackupMark {
  /** When it was made, as ISO time; null: it is no backup, or that was dealt with. */
  readonly load: () => Promise<string | null>;
  /** It was dealt with; in full. */
  readonly clear: () => Promise<void>;
}
