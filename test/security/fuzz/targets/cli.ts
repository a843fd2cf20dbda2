import { join } from "node:path";
import fc from "fast-check";
import { createCliBench, createHurriedClock, nodeInfo, taskSummary } from "../../../support/cli-run.ts";
import { hostileText, hostileValue } from "../hostile-values.ts";
import { asTarget, type FuzzTarget } from "../target.ts";

/** Commands that end by themselves; `up`, `join` and `lab` are fed their help and wrong flags only. */
const commands = [
  ...[
    "status",
    "nodes",
    "send",
    "task add",
    "task list",
    "task get",
    "task watch",
    "task cancel",
    "task retry",
  ],
  ...[
    "task export",
    "task stream",
    "dead-letter list",
    "dead-letter retry",
    "dead-letter discard",
    "route list",
  ],
  ...[
    "route add",
    "route remove",
    "route explain",
    "route move",
    "route set",
    "group list",
    "group set",
    "group remove",
  ],
  ...[
    "node show",
    "node remove",
    "node drain",
    "node cordon",
    "node set",
    "invite",
    "invite list",
    "token list",
  ],
  ...[
    "token create",
    "token revoke",
    "token rotate",
    "audit list",
    "audit verify",
    "doctor",
    "version",
    "help",
  ],
  ...["up --no-such-flag", "join --help", "lab --help", "up --help", "init --no-such-flag", "", "nonsense"],
];
const flags = [
  ...[
    "--json",
    "--auto",
    "--node",
    "--group",
    "--tags",
    "--require",
    "--explain",
    "--timeout",
    "--effects",
    "--label",
  ],
  ...[
    "--state",
    "--since",
    "--until",
    "--limit",
    "--priority",
    "--file",
    "--source",
    "--session",
    "--key",
    "--retries",
  ],
  ...[
    "--scope",
    "--scopes",
    "--ttl",
    "--uses",
    "--name",
    "--rate",
    "--all",
    "--yes",
    "--help",
    "--no-color",
    "--lang",
    "-n",
    "--",
  ],
];
/** Never a coordinator but the one of the test, nor another file of the machine. */
const word = fc.oneof(
  fc.constantFrom(...flags),
  hostileText,
  fc.constantFrom("1h", "5x", "10", "gpu:true", "a,b", "claude"),
);

interface CliInput {
  readonly command: string;
  readonly words: readonly string[];
  /** What the coordinator answers to whatever it is asked. */
  readonly status: number;
  readonly body: unknown;
  readonly env: Readonly<Record<string, string>>;
}

/** As Ctrl-C does it; for commands that wait for what the coordinator of the test never says. */
const interruptAfterMs = 300;
const exitCodes: readonly number[] = [0, 1, 2, 3, 4, 5, 6];
const trace = /^\s+at .+[(:]\d+:\d+\)?$/m;

/** Command lines, environments and answers of a coordinator: ends with a code of the table, in words for people. */
export async function startCli(): Promise<FuzzTarget> {
  const bench = await createCliBench();
  const usual = { nodes: [nodeInfo()], tasks: [taskSummary()], next_cursor: null, rules: [], groups: [] };
  const inputs: fc.Arbitrary<CliInput> = fc.record({
    command: fc.constantFrom(...commands),
    words: fc.array(word, { maxLength: 5 }),
    status: fc.constantFrom(200, 200, 200, 202, 400, 401, 404, 429, 500, 503),
    body: fc.oneof(
      fc.constant<unknown>(usual),
      hostileValue,
      fc.record({ error: hostileText, code: hostileText, hint: hostileText }),
    ),
    env: fc.dictionary(
      fc.constantFrom("CLAW_MESH_TOKEN", "LANG", "COLUMNS", "NO_COLOR", "CLAW_MESH_LOG_LEVEL"),
      hostileText,
      { maxKeys: 2 },
    ),
  });
  return asTarget<CliInput>({
    inputs,
    feed: async ({ command, words, status, body, env }) => {
      bench.handle((_, reply) => reply.json(body ?? null, status));
      const interrupt = new AbortController();
      const timer = setTimeout(
        () => interrupt.abort(new DOMException("SIGINT", "AbortError")),
        interruptAfterMs,
      );
      const args = [...command.split(" ").filter((part) => part !== ""), ...words];
      const config = { CLAW_MESH_HOME: join(bench.directory, "state") };
      const run = await bench.run(args, {
        env: { ...env, ...config },
        stdin: "text",
        clock: createHurriedClock(),
        interrupt: interrupt.signal,
      });
      clearTimeout(timer);
      const said = run.stdout + run.stderr;
      if (!exitCodes.includes(run.exitCode)) throw new Error(`exit code ${run.exitCode}: ${said}`);
      if (trace.test(run.stderr) || /\bINTERNAL\b/.test(run.stderr))
        throw new Error(`a fault: ${run.stderr}`);
      if (run.exitCode !== 0 && said.trim() === "")
        throw new Error(`exit code ${run.exitCode} without a word`);
    },
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  });
}
