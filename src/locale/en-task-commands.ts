/** Flags that say how a queued message is kept and tried; `send` and `task add` have them. */
export const queueFlagTexts = {
  priority: "0 (least urgent) to 9 (most urgent) [5]",
  notBefore: "Offer it to no node before: 10m, 2h, 1d from now, or 2026-11-22T16:00:00Z",
  expiresAt: "If no node has taken it by then it ends as expired: a time like --not-before",
  maxAttempts: "Attempts that may reach a runtime [3]",
  retryDelay: "Pause before the second attempt, at most; it doubles with each further one",
  retryOn: "What may be tried again, joined by commas: lost_after_start, overloaded, internal, quota, auth",
  key: "Idempotency key: the same key and message again give the same task; not with times from now [random]",
};

/** Flags that choose tasks; all that are given have to hold. */
const filterFlagTexts = {
  state: "States, joined by commas: queued, running, succeeded, failed, cancelled, expired",
  node: "Node of the current or last attempt (name or id)",
  group: "The node is a member of this group, or the sender named it",
  source: "Who asked; telegram:* for all that begin so",
  subject: "Token that sent it (name or id), or admin",
  session: "Conversation",
  label: "Label, key=value; may be repeated",
  class: "Failure classes or kinds, joined by commas, such as outcome_unknown,bad_request",
  since: "Accepted since: 10m, 2h, 1d ago, or 2026-11-22T16:00:00Z",
  until: "Accepted before: 10m, 2h, 1d ago, or 2026-11-22T16:00:00Z",
};

const editFlagTexts = {
  message: "Another message",
  auto: "Let the rules choose the node",
  node: "Send it to this node (name or id)",
  group: "Send it to this group",
  requires: 'What the node must have: gpu,os=darwin,skill=docker; "": nothing',
  timeout: "Time for the message from the first offer that a node takes: 90, 30s, 5m, 2h",
  effects: "safe: may be run again after a failure; unsafe: may not",
  priority: "0 (least urgent) to 9 (most urgent)",
  notBefore: queueFlagTexts.notBefore,
  expiresAt: queueFlagTexts.expiresAt,
  maxAttempts: "Attempts that may reach a runtime",
  retryDelay: queueFlagTexts.retryDelay,
  retryOn: queueFlagTexts.retryOn,
};

const yes = "Do not ask";
const failedOn = "Node of the last attempt (name or id)";
const taskArgument = { task: "Id of the task" };
const tasksArgument = { task: "Ids of the tasks; or use flags that choose them" };

/** Help of the queue's commands. */
export const taskCommandTexts = {
  task: { brief: "The queue: add, list, show, watch, cancel, retry, export" },
  taskAdd: {
    brief: "Queue a message and come back at once",
    full: "Queues a message: it is kept on the coordinator's disk until a node that fits can take it. The rules choose the node, unless --node or --group names it. With --file many messages are queued: JSON lines, each with the fields of POST /api/v1/tasks; flags count for lines that do not say otherwise. The whole file is checked before anything is sent.",
    examples: [
      'claw-mesh task add "Build the iOS app"',
      'claw-mesh task add --effects safe --priority 8 --expires-at 2h "Summarise today\'s log"',
      "claw-mesh task add --file tasks.jsonl --label batch=7",
    ],
    arguments: { message: "The message; - or nothing: standard input" },
    flags: {
      ...queueFlagTexts,
      file: "Queue the messages of this file of JSON lines; -: standard input",
      timeout: "Time for the message from the first offer that a node takes: 90, 30s, 5m, 2h [10m]",
      effects: "safe: may be run again after a failure; unsafe: may not [unsafe]",
    },
  },
  taskList: {
    brief: "List tasks, newest first",
    full: "Lists messages and what became of them, newest first. Without flags the latest 50.",
    examples: [
      "claw-mesh task list --state queued,running",
      "claw-mesh task list --source 'telegram:*' --since 1d --all",
      "claw-mesh task list --class outcome_unknown --json",
    ],
    flags: {
      ...filterFlagTexts,
      limit: "Show as many at most [50]",
      all: "Show all of them",
    },
  },
  taskShow: {
    brief: "Show a task: message, state, history, answer",
    full: "Shows a message and what became of it: what it waits for or why it failed, when which node had it, and the answer.",
    examples: ["claw-mesh task show task_0195…"],
    arguments: taskArgument,
  },
  taskWatch: {
    brief: "Follow a task to its end",
    full: "Shows what a task waits for, then its answer as it comes. Goes on by itself when the connection is lost or the coordinator starts again. Ends with the exit code that send would have. Ctrl-C stops watching; the task goes on.",
    examples: ["claw-mesh task watch task_0195…"],
    arguments: taskArgument,
  },
  taskCancel: {
    brief: "Cancel tasks",
    full: "Cancels tasks: by their ids, or all that the flags choose. A running one is stopped on its node; a result that arrives first wins.",
    examples: [
      "claw-mesh task cancel task_0195…",
      "claw-mesh task cancel --state queued --source 'telegram:*'",
      "claw-mesh task cancel --label batch=7 --yes",
    ],
    arguments: tasksArgument,
    flags: { ...filterFlagTexts, yes },
  },
  taskRetry: {
    brief: "Run ended tasks again, as they are or edited",
    full: "Runs ended tasks again, each as a new task: by their ids, or all that --state, --class, --source, --session, --label, --since, --until and --failed-on choose. The other flags change what is run.",
    examples: [
      "claw-mesh task retry task_0195…",
      "claw-mesh task retry task_0195… --node mac-mini --effects safe",
      "claw-mesh task retry --state failed --class runtime_error --since 1h",
    ],
    arguments: tasksArgument,
    flags: { ...filterFlagTexts, ...editFlagTexts, failedOn, yes },
  },
  taskExport: {
    brief: "Write tasks as JSON lines",
    full: "Writes whole tasks, each as one line of JSON, newest first: to standard output, or to --output. What is deleted meanwhile, as its time is over, is left out.",
    examples: [
      "claw-mesh task export --since 1d --output tasks.jsonl",
      "claw-mesh task export --state failed | jq -r .failure.message",
    ],
    flags: { ...filterFlagTexts, output: "File to write; it is replaced when all is there" },
  },
  deadLetter: { brief: "Failed tasks that wait for a decision: list, show, edit, retry, discard" },
  deadLetterList: {
    brief: "List the failed tasks that were neither run again nor discarded",
    full: "Lists failed tasks that were neither run again nor discarded, newest first. Without flags the latest 50.",
    examples: ["claw-mesh dead-letter list", "claw-mesh dead-letter list --class outcome_unknown"],
    flags: { ...filterFlagTexts, limit: "Show as many at most [50]", all: "Show all of them" },
  },
  deadLetterShow: {
    brief: "Show one: message, history, failure",
    full: "Shows a dead letter: the message, when which node had it, and why it failed.",
    examples: ["claw-mesh dead-letter show task_0195…"],
    arguments: taskArgument,
  },
  deadLetterEdit: {
    brief: "Change one in an editor and run it again",
    full: "Opens the message and its settings in $VISUAL or $EDITOR; when they were changed, it is run again as a new task. Without an editor say what to change by flags.",
    examples: [
      "claw-mesh dead-letter edit task_0195…",
      'claw-mesh dead-letter edit task_0195… --message "Build the app, skip the tests"',
      "claw-mesh dead-letter edit task_0195… --file message.txt --node mac-mini",
    ],
    arguments: taskArgument,
    flags: {
      ...editFlagTexts,
      file: "Another message, or an edited text that was kept: this file; -: standard input",
    },
  },
  deadLetterRetry: {
    brief: "Run dead letters again",
    full: "Runs dead letters again, each as a new task: by their ids, all of them, or those that the flags choose. --message, --node, --group, --requires and the flags after them change what is run.",
    examples: [
      "claw-mesh dead-letter retry task_0195…",
      "claw-mesh dead-letter retry --class runtime_error",
      "claw-mesh dead-letter retry --all --yes",
    ],
    arguments: tasksArgument,
    flags: { ...filterFlagTexts, ...editFlagTexts, failedOn, all: "All dead letters", yes },
  },
  deadLetterDiscard: {
    brief: "Take dead letters off the list",
    full: "Takes dead letters off the list: by their ids, all of them, or those that the flags choose. Their records stay.",
    examples: ["claw-mesh dead-letter discard task_0195…", "claw-mesh dead-letter discard --until 7d --yes"],
    arguments: tasksArgument,
    flags: { ...filterFlagTexts, all: "All dead letters", yes },
  },
};
