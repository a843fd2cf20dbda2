/** Programs that run one of their arguments as code, and the flags before it. */
const interpreters: readonly (readonly [program: RegExp, flag: RegExp])[] = [
  // `-c` may stand among other letters: `bash -lc`.
  [/^(?:(?:ba|da|a|z|k|mk|c|tc|fi)?sh|su|runuser)$/i, /^-[a-z]*c$|^--command$/i],
  [/^(?:cmd)(?:\.exe)?$/i, /^\/[ck]$/i],
  [/^(?:powershell|pwsh)(?:\.exe)?$/i, /^[-/]c(?:ommand)?$/i],
  [/^python[\d.]*(?:\.exe)?$/i, /^-[a-z]*c$/i],
  [/^(?:node|bun|deno|perl|ruby)(?:\.exe)?$/i, /^-[a-z]*[ep]$|^--(?:eval|print)$|^eval$/i],
  [/^php(?:\.exe)?$/i, /^-r$/i],
];

/** It hands all its arguments to a shell elsewhere. */
const remoteShell = /^(?:ssh|rsh)(?:\.exe)?$/i;

/** Texts of others; `{session}` is hexadecimal digits. */
const foreignText = /\{(?:message|session_name)\}/;

/** Flags that take the next word along. */
const flagWithWord = /^[-+][a-z]*o$|^-[WXrIC]$|^--(?:rcfile|init-file|require|import|conditions)$/i;

/** `su` has the name of a user before its flags. */
const namesUser = /^(?:su|runuser)$/i;

/** The program in a command (`env`, `sudo` and others may stand before it) that would run a text of others as code; or null. */
export function findCodeWithText(command: readonly string[]): string | null {
  for (const [at, part] of command.entries()) {
    const name = part.split(/[/\\]/).at(-1) ?? "";
    const given = command.slice(at + 1);
    if (remoteShell.test(name) && given.some((argument) => foreignText.test(argument))) return name;
    for (const [program, flag] of interpreters) {
      if (!program.test(name)) continue;
      const own = namesUser.test(name) ? given.slice(given.findIndex((word) => flag.test(word))) : given;
      if (foreignText.test(findCode(own, flag) ?? "")) return name;
    }
  }
  return null;
}

/** The first word behind the flag; flags behind the name of a script are the script's own. */
function findCode(given: readonly string[], flag: RegExp): string | undefined {
  let isCode = false;
  for (let at = 0; at < given.length; at++) {
    const argument = given[at] ?? "";
    if (flag.test(argument)) isCode = true;
    else if (flagWithWord.test(argument)) at += 1;
    else if (!/^[-+]|^\/[a-z]$/i.test(argument)) return isCode ? argument : undefined;
  }
  return undefined;
}
