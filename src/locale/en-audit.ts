/** Help of `claw-mesh audit`. */
export const auditCommandTexts = {
  audit: { brief: "Who did what from where: list, verify" },
  auditList: {
    brief: "List what was done, newest first",
    full: "Lists who did what to what, from where, and with what result; what was refused too. Sending messages is not in it: their own record tells who sent them. Needs the scope admin.",
    examples: [
      "claw-mesh audit list",
      "claw-mesh audit list --action token. --limit 20",
      "claw-mesh audit list --subject phone --json",
    ],
    flags: {
      limit: "Entries to list [50]",
      subject: "Of this token (id or name), node, or admin, anonymous, coordinator",
      action: "Of this action, or of all that begin so: token.",
      target: "Done to this: an id, or the name that was given",
    },
  },
  auditVerify: {
    brief: "Check that nobody has changed the audit",
    full: "Reads every entry, computes its hash anew on this machine, and tells how many there are and the newest hash: the head. Keep that somewhere else, and give it with --head the next time: only so it is found when the newest entries were removed, or all were written anew. Exit code 1 when something does not fit.",
    examples: ["claw-mesh audit verify", "claw-mesh audit verify --head <hash>"],
    flags: { head: "A head that was noted earlier: it must still be in the chain" },
  },
};

/** What `claw-mesh audit` prints. */
export const auditTexts = {
  none: "Nothing in the audit fits.",
  columns: { time: "TIME", who: "WHO", from: "FROM", action: "ACTION", target: "TARGET", result: "RESULT" },
  /** A refusal that was repeated. */
  repeated: (result: string, count: number) => `${result} (${count} more)`,
  more: (count: number) => `The newest ${count}; --limit lists more.`,
  notAHead: "is no head: 64 hexadecimal digits, as audit verify prints them",
  badLimit: (max: number) => `--limit: choose 1 to ${max}`,
  intact: (entries: number, first: number, last: number) =>
    `The audit is intact: ${entries} ${entries === 1 ? "entry" : "entries"}, ${first} to ${last}.`,
  empty: "The audit is empty.",
  head: (head: string) => `Head: ${head}`,
  noteHead: "Keep the head somewhere else: claw-mesh audit verify --head <hash> needs it.",
  broken: (seq: number) => `The audit is broken at entry ${seq}.`,
  brokenSomewhere: "The audit is broken.",
  reason: (reason: string) => `  ${reason}`,
  sound: (entries: number) =>
    `${entries} ${entries === 1 ? "entry" : "entries"} before it ${entries === 1 ? "fits" : "fit"}.`,
};
