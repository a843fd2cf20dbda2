/** Reads what `strace -f -ttt -y -o FILE` wrote. */

/** One system call on a file or socket. */
export interface TracedCall {
  readonly pid: number;
  readonly name: string;
  /** What the first argument refers to, as `-y` tells it: a path, or `socket:[…]`; "" when it does not. */
  readonly target: string;
  /** Everything after the first argument, bytes escaped as strace does. */
  readonly args: string;
  /** Lines of the trace on which it began and returned: their order is the order of events. */
  readonly beganAt: number;
  readonly returnedAt: number;
  /** Epoch, milliseconds, when it began. */
  readonly atMs: number;
  /** What it returned; null: it never did. */
  readonly result: number | null;
}

const wholeCall = /^(\d+)\s+([\d.]+) (\w+)\((.*)\)\s+= (-?\d+|\?)/s;
const begunCall = /^(\d+)\s+([\d.]+) (\w+)\((.*) <unfinished \.\.\.>$/s;
const resumedCall = /^(\d+)\s+[\d.]+ <\.\.\. (\w+) resumed>(.*)\)\s+= (-?\d+|\?)/s;
const firstArgument = /^\d+<((?:[^<>]|<[^<>]*>)*)>(?:, )?(.*)$/s;

/** The calls in the order in which they began. Signals, exits and calls without a descriptor are left out. */
export function parseTrace(text: string): readonly TracedCall[] {
  const calls: TracedCall[] = [];
  const open = new Map<string, number>();
  for (const [line, content] of text.split("\n").entries()) {
    const whole = wholeCall.exec(content);
    const begun = whole === null ? begunCall.exec(content) : null;
    const begin = whole ?? begun;
    if (begin !== null) {
      const [, pid = "", seconds = "", name = "", args = "", result] = begin;
      if (result === undefined) open.set(pid, calls.length);
      const returned = { returnedAt: line, result: toResult(result) };
      calls.push(toCall({ pid, seconds, name, args }, { beganAt: line, ...returned }));
      continue;
    }
    const resumed = resumedCall.exec(content);
    if (resumed === null) continue;
    const [, pid = "", name, more = "", result] = resumed;
    const at = open.get(pid);
    const call = at === undefined ? undefined : calls[at];
    open.delete(pid);
    if (at === undefined || call === undefined || call.name !== name) continue;
    calls[at] = { ...call, args: call.args + more, returnedAt: line, result: toResult(result) };
  }
  return calls;
}

interface CallText {
  readonly pid: string;
  readonly seconds: string;
  readonly name: string;
  readonly args: string;
}

function toCall(
  { pid, seconds, name, args }: CallText,
  times: Pick<TracedCall, "beganAt" | "returnedAt" | "result">,
): TracedCall {
  const [, target = "", rest = args] = firstArgument.exec(args) ?? [];
  return { pid: Number(pid), name, target, args: rest, atMs: Number(seconds) * 1000, ...times };
}

function toResult(text: string | undefined): number | null {
  return text === undefined || text === "?" ? null : Number(text);
}

const escapes: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12, a: 7, b: 8 };

/** The bytes of the first quoted string among the arguments, as far as strace showed them. */
export function shownBytes(args: string): readonly number[] {
  const quoted = /"((?:[^"\\]|\\.)*)"/s.exec(args)?.[1] ?? "";
  const bytes: number[] = [];
  for (const [, octal, letter, plain] of quoted.matchAll(/\\([0-7]{1,3})|\\(.)|([^\\])/gs)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (letter !== undefined) bytes.push(escapes[letter] ?? letter.charCodeAt(0));
    else if (plain !== undefined) bytes.push(plain.charCodeAt(0));
  }
  return bytes;
}
