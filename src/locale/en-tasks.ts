/** What makes a repeat of a message the same message. */
interface RepeatWords {
  readonly keyFlag: string;
  readonly timeFlags: readonly string[];
}

const sayAgain = ({ keyFlag, timeFlags }: RepeatWords) =>
  timeFlags.length === 0
    ? `Say the same again with ${keyFlag}`
    : `Say the same again with ${[keyFlag, ...timeFlags].join(" ")}, in place of the times you gave`;

const plural = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;

/** What the queue's commands say. */
export const taskTexts = {
  columns: {
    id: "ID",
    state: "STATE",
    age: "AGE",
    node: "NODE",
    attempts: "TRIES",
    why: "WAITS FOR / FAILURE",
    message: "MESSAGE",
  },
  attemptColumns: {
    attempt: "#",
    node: "NODE",
    runtime: "RUNTIME",
    state: "STATE",
    offered: "OFFERED",
    duration: "TOOK",
    failure: "FAILURE",
  },
  none: "No tasks.",
  noDeadLetters: "No dead letters.",
  more: (shown: number) => `The latest ${shown} are shown; more with --limit <n> or --all.`,
  states: {
    queued: "queued",
    running: "running",
    succeeded: "succeeded",
    failed: "failed",
    cancelled: "cancelled",
    expired: "expired",
  },
  cancelling: "cancelling",
  retried: "run again",
  discarded: "discarded",
  untrusted: "untrusted",

  queued: (id: string) => `Task ${id} queued`,
  added: (id: string, state: string) => `Task ${id} is ${state}`,
  waitsFor: (what: string) => `It waits for ${what}`,
  followHint: (id: string) => `Follow it with: claw-mesh task watch ${id}`,
  notArrived: "no word whether it arrived; asking again",
  unsureHint: (repeat: RepeatWords) =>
    `It may have been queued. ${sayAgain(repeat)}: it is then queued once.`,
  keyWithTimes: "--key needs moments that stay the same; a time from now is another one with each repeat",
  keyWithTimesHint: (flags: readonly string[]) => `Give the moment itself: ${flags.join(" ")}`,
  lateFlags: "--not-before and --expires-at are for queued messages: add --wait or --async, or use task add",
  asyncAndWait: "choose one of --async and --wait",
  asyncExplain: "--explain needs the answer; leave --async away, or see: claw-mesh task show <id>",
  nodeOrGroup: "choose one of --node and --group",

  fileAndMessage: "choose one of a message and --file",
  badLine: (line: number, problem: string) => `line ${line}: ${problem}`,
  notJson: "is not a JSON object",
  moreBadLines: (count: number) => `and ${plural(count, "more bad line", "more bad lines")}`,
  missingField: (name: string) => `"${name}" is missing`,
  noField: (name: string, near: string | null) =>
    `there is no field "${name}"${near === null ? "" : `; did you mean "${near}"?`}`,
  fieldKind: (name: string, kind: string) => `"${name}" must be ${kind}`,
  fieldValue: (name: string, values: readonly string[]) => `"${name}" must be one of ${values.join(", ")}`,
  /** What a field must be, by the word that JSON has for it. */
  kinds: {
    string: "a text",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "an object",
    record: "an object",
  } as Readonly<Record<string, string>>,
  timesHint: "Give times from now, such as 2h, or moments, such as 2026-11-22T16:00:00Z.",
  expiredBefore: (name: string, moment: string) => `${name} ${moment} is in the past`,
  expiresTooSoon: (expiresAt: string, notBefore: string) => `${expiresAt} must come after ${notBefore}`,
  badFileHint: "Nothing was queued. Correct the file and say the same again.",
  noLines: (file: string) => `there are no tasks in ${file}`,
  tooManyLines: (limit: number) => `there are more than ${limit} tasks in the file`,
  fileTooLarge: (limitMb: number) => `the file is larger than ${limitMb} MiB`,
  noFile: (file: string, code: string) => `cannot read ${file} (${code})`,
  cannotWrite: (file: string, code: string) => `cannot write ${file} (${code})`,
  fileHint: "Check the path and its permissions.",
  standardInput: "standard input",
  bulkStopped: (queued: number, total: number) => `${queued} of ${total} tasks were queued, then:`,
  bulkGoOn: (repeat: RepeatWords) => `${sayAgain(repeat)}: those that were queued are not queued twice.`,
  bulkQueued: (count: number) => `${plural(count, "task", "tasks")} queued`,

  bulkOnRecord: (count: number, states: string) =>
    `${plural(count, "task", "tasks")} on record under this key: ${states}; none is queued twice`,

  waiting: (what: string, seconds: number) => `waiting ${seconds} s for ${what}`,
  aNode: "a node",
  waitsNote: (what: string) => `Waiting for ${what}`,
  pickingUp: "connection lost; picking the task up again",
  pickedUp: "connected again",
  gaveUpHint: (id: string) => `The task may go on. Follow it again with: claw-mesh task watch ${id}`,
  watchStopped: (id: string) =>
    `Stopped watching; the task goes on. Cancel it with: claw-mesh task cancel ${id}`,

  detail: {
    state: "State:",
    waitsFor: "Waits for:",
    target: "Asked for:",
    requires: "Required:",
    source: "Source:",
    from: "From:",
    session: "Session:",
    labels: "Labels:",
    effects: "Effects:",
    priority: "Priority:",
    timeout: "Timeout:",
    retry: "Retry:",
    notBefore: "Not before:",
    expiresAt: "Expires:",
    retryOf: "Runs again:",
    retriedAs: "Run again as:",
    accepted: "Accepted:",
    ended: "Ended:",
    took: (duration: string) => `after ${duration}`,
    retryText: (attempts: number, causes: string) =>
      attempts === 1
        ? "one attempt"
        : `at most ${attempts} attempts${causes === "" ? "" : `; again after ${causes}`}`,
    seconds: (seconds: number) => `${seconds} s`,
    message: "Message",
    timeline: "Timeline",
    attempts: "Attempts",
    failure: "Failure",
    expired: "Expired",
    answer: "Answer",
    late: "late report, kept for the record",
  },
  timeline: {
    accepted: "accepted",
    offered: "offered",
    started: "started",
    refused: "refused",
    lost: "lost",
    attempt_failed: "attempt failed",
    late_result: "late report, kept for the record",
    cancel_requested: "cancel requested",
    succeeded: "succeeded",
    failed: "failed",
    cancelled: "cancelled",
    expired: "expired",
    discarded: "discarded",
  },
  onNode: (attempt: number, node: string) => `attempt ${attempt} on ${node}`,
  failureHints: {
    unroutable: "See why with: claw-mesh route explain <message>",
    refused: "Every candidate refused it, or a rule does; see the attempts.",
    lost_before_start: "It never started, so it may be run again without harm.",
    lost_after_start: "The machine may have done the work. Look there before you run it again.",
    outcome_unknown: "The machine may have done the work. Look there before you run it again.",
    runtime_error: "Look at the runtime on that node: claw-mesh nodes, claw-mesh doctor.",
    too_large: "Answers are limited to 8 MiB; ask for a file instead.",
    timeout: "Give it more time with --timeout.",
  },
  expiredText: (tries: number) =>
    tries === 0
      ? "No node took it in time."
      : `Its time ran out before it was tried again, after ${plural(tries, "try", "tries")}.`,
  followRetryHint: (id: string) => `It runs again; follow that with: claw-mesh task watch ${id}`,
  retryHint: (id: string) => `Run it again with: claw-mesh task retry ${id}`,
  editHint: (id: string) => `Change it first with: claw-mesh dead-letter edit ${id}`,

  noChoice: "say which tasks: ids, or flags that choose them",
  idsAndFilter: (flags: string) => `choose one of ids and ${flags}`,
  allAndFilter: "choose one of --all and flags that choose some",
  badId: (id: string) => `there is no task "${id}"`,
  badIdHint: "An id is task_ and 32 digits; list them with: claw-mesh task list",
  noMatch: "No task matches.",
  tooManyMatches: (limit: number) => `more than ${limit} tasks match`,
  tooManyHint: "Choose fewer, such as with --since and --until.",
  ask: {
    cancel: (count: number) => `Cancel ${plural(count, "task", "tasks")}?`,
    retry: (count: number) => `Run ${plural(count, "task", "tasks")} again?`,
    discard: (count: number) => `Discard ${plural(count, "dead letter", "dead letters")}?`,
  },
  askSuffix: "[y/N] ",
  /** Answers that mean yes. */
  yesWords: ["y", "yes"] as readonly string[],
  declined: "Nothing was changed.",
  needsYes: (count: number) => `${count} tasks match; nobody can be asked here`,
  needsYesHint: "Add --yes.",
  cancelled: (id: string) => `Task ${id} cancelled`,
  cancelRequested: (id: string) => `Task ${id} will end when its node has stopped it`,
  endedAlready: (id: string, state: string) => `Task ${id} had ended already: ${state}`,
  retriedAs: (id: string, as: string) => `Task ${id} runs again as ${as}`,
  discardedLine: (id: string) => `Task ${id} discarded`,
  bulkFailure: (id: string, problem: string, code: string) => `Task ${id}: ${problem} (${code})`,
  cancelCounts: {
    cancelled: (count: number) => `${count} cancelled`,
    asked: (count: number) => `${count} will end when stopped`,
    ended: (count: number) => `${count} had ended already`,
    not: (count: number) => `${count} not`,
  },
  bulkSummary: {
    retry: (done: number, failed: number) => `${done} run again${failed === 0 ? "" : `, ${failed} not`}`,
    discard: (done: number, failed: number) => `${done} discarded${failed === 0 ? "" : `, ${failed} not`}`,
  },
  exportMissing: (count: number) =>
    `${plural(count, "task was", "tasks were")} deleted meanwhile, as their time was over, and left out`,
  exported: (count: number, file: string) => `${plural(count, "task", "tasks")} written to ${file}`,

  edit: {
    intro: (id: string): readonly string[] => [
      `Task ${id} failed; change what is needed, save, and close the editor: it is then run again.`,
      "Unchanged, or with nothing left, nothing happens. Lines that begin with # do not count.",
    ],
    problem: (text: string) => `This could not be read: ${text}`,
    target: "node or group; empty: the rules choose",
    requires: "as in --requires: gpu,os=darwin,skill=docker",
    effects: "safe or unsafe",
    priority: "0 to 9",
    timeout: "such as 90, 30s, 5m, 2h",
    unchanged: "Nothing was changed, so nothing was run.",
    empty: "the message must not be empty",
    noEditor: "there is no editor: neither VISUAL nor EDITOR is set",
    noTerminal: "an editor needs a terminal",
    flagsHint: "Say what to change by flags: --message, --file, --node, --requires, --effects …",
    unknownField: (name: string, names: readonly string[]) =>
      `there is no field "${name}"; there are ${names.join(", ")}`,
    editorFailed: (command: string, code: number) => `the editor "${command}" ended with code ${code}`,
    kept: (file: string, id: string) =>
      `What you wrote is kept in ${file}\nGo on with it: claw-mesh dead-letter edit ${id} --file ${file}`,
    otherTask: (id: string) => `this is the edited text of task ${id}`,
    failureLine: (text: string) => `Failure: ${text}`,
    messageAndFile: "choose one of --message and --file",
    notFailed: (id: string, state: string) => `task ${id} is no dead letter: it is ${state}`,
  },
};
