import { MeshError } from "../protocol/errors.ts";

/** Flags of `up` and `join` whose value is a path: a service starts in another directory than this one. */
const pathFlags = new Set([
  "--data-dir",
  "--cert",
  "--key",
  "--api-key-file",
  "--config",
  "--ca",
  "--token-file",
]);

/** Flags whose value is a secret: arguments of a service can be read by every user of the machine. */
const secretFlags = new Set(["--token", "--gateway-token", "--api-key"]);

/** Those that the service command itself takes and hands on. */
const takenFlags = new Set(["--token-file", "--config", "--ca", "--json", "--dry-run"]);

export interface ServiceWords {
  /** As they are handed on, with absolute paths and without {@link dataDir}. */
  readonly args: readonly string[];
  /** Of `--name`; null: not among them. */
  readonly name: string | null;
  /** Of `--data-dir`; null: not among them. */
  readonly dataDir: string | null;
  /** Of the first word that is no flag and no value of one; null: none. Only looked for when asked. */
  readonly url: string | null;
}

/**
 * Reads the arguments of `up` or `join` that a service shall start with.
 * @throws MeshError USAGE for a secret among them, and for flags that belong before the `--`
 */
export function readServiceWords(
  words: readonly string[],
  options: { readonly takesUrl: boolean; readonly toPath: (path: string) => string },
): ServiceWords {
  const [first, ...others] = words;
  const url = options.takesUrl && first !== undefined && !first.startsWith("-") ? first : null;
  const rest = url === null ? words : others;
  const args: string[] = [];
  let name: string | null = null;
  let dataDir: string | null = null;
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? "";
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const flag = equals < 0 ? word : word.slice(0, equals);
    check(flag);
    const isPath = pathFlags.has(flag) || flag === "--runtime-command";
    if (!isPath && flag !== "--name") {
      args.push(word);
      continue;
    }
    const value = equals < 0 ? rest[at + 1] : word.slice(equals + 1);
    if (equals < 0) at += 1;
    if (value === undefined || value === "") throw new MeshError("USAGE", `${flag} needs a value`);
    if (flag === "--data-dir") dataDir = options.toPath(value);
    else if (flag === "--runtime-command") args.push(flag, toWholeCommand(value, options.toPath));
    else if (isPath) args.push(flag, options.toPath(value));
    else {
      name = value;
      args.push(flag, value);
    }
  }
  return { args, name, dataDir, url };
}

function check(flag: string): void {
  if (secretFlags.has(flag)) {
    throw new MeshError("USAGE", `${flag} would be readable by every user of this machine`, {
      hint:
        flag === "--token"
          ? "Give it before the --: it is kept in a file for the service alone."
          : "Put it into the configuration file, or as a variable into the environment file of the service.",
    });
  }
  if (takenFlags.has(flag)) throw new MeshError("USAGE", `${flag} belongs before the --`);
}

/** A program of the folder this is called from, by a path that holds from everywhere; others are looked for on PATH. */
function toWholeCommand(command: string, toPath: (path: string) => string): string {
  const [program = ""] = command.split(/\s/, 1);
  const isHere = program.includes("/") && !/^[/"'~]/.test(program);
  const whole = isHere ? toPath(program) : program;
  return (/\s/.test(whole) ? `"${whole}"` : whole) + command.slice(program.length);
}
