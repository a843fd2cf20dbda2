/**
 * A program as the `command` runtime starts one: the message comes on standard input or as the last argument, the answer
 * goes to standard output. `--json` prints JSON lines, `--session=<id>` keeps what was said in a file of the folder it
 * works in. What a message begins with makes it slow, long, forgetful or fail.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const args = process.argv.slice(2);
const isJson = args.includes("--json");
const session = args.find((arg) => arg.startsWith("--session="))?.slice("--session=".length);
const end = args.indexOf("--");
const message = end === -1 ? await Bun.stdin.text() : (args[end + 1] ?? "");

const sayError = (line: string) => process.stderr.write(`${line}\n`);

/** Resolves when the pipe has taken it. */
function print(text: string): Promise<void> {
  const line = isJson ? `${JSON.stringify({ text })}\n` : text;
  return new Promise((resolve) => process.stdout.write(line, () => resolve()));
}

function remember(): string {
  if (session === undefined) return "";
  const file = `session-${session}.txt`;
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  appendFileSync(file, `${message}\n`);
  return before;
}

const before = remember();
const [first = ""] = message.split(" ");
switch (first) {
  case "slow:":
    for (let piece = 0; piece < 60; piece++) {
      await print(piece === 0 ? `${message} ` : `part${piece} `);
      await Bun.sleep(500);
    }
    break;
  case "recall":
    await print(`earlier: ${before}`);
    break;
  case "long":
    for (let piece = 0; piece < 9; piece++) await print("x".repeat(1024 * 1024));
    break;
  case "exit":
    await print("half an answer");
    sayError(`provider says no ${process.env.PROVIDER_API_KEY}`);
    process.exit(Number(message.split(" ")[1]));
    break;
  case "error":
    process.stdout.write(
      `${JSON.stringify({ type: "error", kind: message.split(" ")[1], message: `provider says no ${process.env.PROVIDER_API_KEY}` })}\n`,
    );
    break;
  case "silent":
    break;
  default:
    await print(`You said: ${message}`);
    if (isJson) process.stdout.write(`${JSON.stringify({ type: "result", text: `You said: ${message}` })}\n`);
    else process.stdout.write("\n");
}
