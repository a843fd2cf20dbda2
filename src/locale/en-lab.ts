/** Help of `claw-mesh lab`. */
export const labCommandTexts = {
  brief: "Break a mesh on purpose, and count what became of every task",
  full: "Starts a coordinator and simulated nodes as processes of this machine, on loopback and in a temporary directory, sends tasks, injects faults, and ends with a ledger of all tasks. Nothing outside of it is touched. Without --chaos, --faults or --schedule nothing is broken. Exit code 1 when a task was lost, wrong, or run twice where it must not be.",
  examples: [
    "claw-mesh lab --nodes 20 --tasks 10000 --chaos --seed 7",
    "claw-mesh lab --faults kill-node,kill-coordinator --tasks 2000",
    "claw-mesh lab --schedule faults.json --json",
  ],
  flags: {
    nodes: "Simulated nodes [5]",
    slots: "Tasks that a node works on at once [4]",
    tasks: "Tasks to send [1000]",
    seed: "Number that tasks and faults follow from; the same seed, the same faults [at random, and printed]",
    chaos: "Faults of every kind",
    faults: "Faults of these kinds only, joined by commas",
    schedule: "File with faults to inject, as --json prints them under faults.plan",
    rate: "Tasks to send in a second at most [as many as are taken]",
    safe: "Percent of the tasks whose effects are safe [70]",
    settle: "Time for the last tasks to end, once all are accepted [2m]",
    report: "File for the report as JSON, besides what is printed",
    keep: "Leave the directory with logs and databases",
    verbose: "Tell of every fault when it comes",
  },
};

/** What `claw-mesh lab` prints. */
export const labTexts = {
  exclusive: "choose one of --chaos, --faults and --schedule",
  outOfRange: (flag: string, min: number, max: number) => `--${flag}: choose ${min} to ${max}`,
  cannotRead: (file: string, problem: string) => `cannot read the schedule ${file}: ${problem}`,
  scheduleHint: 'A list like [{"at_accepted":100,"kind":"kill-node","target":"lab-01","duration_ms":500}].',
  unknownTarget: (target: string) => `the schedule names "${target}", and there is no such node`,
  wrongTarget: (kind: string, target: string) => `the schedule has ${kind} for "${target}", which cannot be`,
  cannotWrite: (file: string, code: string) => `cannot write ${file} (${code})`,

  starting: (nodes: number, directory: string) => `Starting a coordinator and ${nodes} nodes in ${directory}`,
  seed: (seed: number, faults: number) => `Seed ${seed}; ${faults} faults planned`,
  running: (accepted: number, total: number, ended: number, faults: number) =>
    `${accepted} of ${total} accepted, ${ended} ended, ${faults} faults`,
  fault: (kind: string, target: string, ms: number) => `${kind} ${target} ${ms} ms`,
  leftOut: (kind: string, reason: string) => `LEFT OUT: ${kind}: ${reason}`,
  settling: (open: number) => `all sent; ${open} still open`,
  counting: "counting",

  labels: {
    seed: "Seed",
    mesh: "Mesh",
    faults: "Faults",
    plan: "Fault plan",
    leftOut: "Left out",
    tasks: "Tasks",
    refused: "Refused",
    ends: "Ended",
    failures: "Failed by class",
    executions: "Executions",
    findings: "Findings",
    failover: "Failover (safe)",
    slow: "Slow failover",
    outages: "Outages",
    throughput: "Throughput",
    memory: "Peak memory",
    logs: "Logs",
  },
  mesh: (nodes: number, slots: number) => `1 coordinator, ${nodes} nodes with ${slots} slots each`,
  faults: (injected: number, planned: number, kinds: string) =>
    planned === 0 ? "none" : `${injected} of ${planned} injected${kinds === "" ? "" : `: ${kinds}`}`,
  tasks: (submitted: number, accepted: number, repeats: number) =>
    `${submitted} sent, ${accepted} accepted, ${repeats} repeats by key`,
  unclear: (count: number) => `${count} of them without a clear answer`,
  ends: (succeeded: number, failed: number, cancelled: number, expired: number) =>
    `${succeeded} succeeded, ${failed} failed, ${cancelled} cancelled, ${expired} expired`,
  moreAttempts: (count: number) => `${count} with more than one attempt`,
  executions: (total: number, refused: number, repeatedSafe: number) =>
    `${total} at the runtimes, ${refused} of them refused; ${repeatedSafe} safe tasks ran more than once`,
  distribution: (count: number, p50: string, p99: string, max: string) =>
    `${count}: p50 ${p50}, p99 ${p99}, longest ${max}`,
  ms: (ms: number | null) => (ms === null ? "-" : `${ms} ms`),
  withinSecond: (count: number) => `${count} within 1 s`,
  disturbed: (count: number) => `${count} more while the coordinator was away`,
  throughput: (accepted: number, done: number, seconds: number) =>
    `${accepted} accepted/s, ${done} done/s, ${seconds} s in all`,
  memory: (coordinator: string, lab: string) => `coordinator ${coordinator}, laboratory ${lab}`,
  mib: (bytes: number | null) => (bytes === null ? "-" : `${Math.round(bytes / 1024 / 1024)} MiB`),
  none: "none",
  findings: {
    unaccounted: "unaccounted",
    wrong_answers: "wrong answers",
    forbidden_duplicates: "unsafe tasks run twice",
    told_otherwise: "told another end than recorded",
    accepted_twice: "accepted twice under one key",
    never_executed: "succeeded without a run",
    moved_after_end: "changed after their end",
  },
  named: (index: number, id: string, detail: string) => `#${index} ${id}: ${detail}`,
  ok: (accepted: number) => `${accepted} accepted, ${accepted} accounted for.`,
  notOk: "Something is wrong: see the findings. The logs and databases are kept.",
};
