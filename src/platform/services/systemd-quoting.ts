import { MeshError } from "../../protocol/errors.ts";
import { checkUnitText } from "./service-spec.ts";

/**
 * One word of `ExecStart=` behind the program: in double quotes with C escapes; `%` and `$`, which systemd would replace,
 * doubled. (systemd.service(5), "Command lines")
 */
export function quoteArgument(text: string): string {
  return quoteWord(checkUnitText(text, `the argument ${text.trim()}`).replaceAll("$", "$$$$"));
}

/** The program itself, in which systemd replaces specifiers but no variables. */
export function quoteProgram(path: string): string {
  return quoteWord(checkUnitText(path, "the path of this program"));
}

/** One word of a list of paths or of `Environment=`. */
export function quoteWord(text: string): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%");
  return /^[\w./:@=+,%-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

/**
 * A path that is the whole value of a setting: nothing in it is quoted, only specifiers are replaced.
 * @throws MeshError USAGE for a path whose end systemd would drop, or take as a line that goes on
 */
export function wholePath(path: string): string {
  if (/[\\\s]$/.test(path)) throw new MeshError("USAGE", `the path ${path} ends with a blank or a backslash`);
  return checkUnitText(path, "a path of the service").replaceAll("%", "%%");
}

/** As {@link wholePath}, of a setting that takes a pattern for names of files: a path that means itself. */
export function globPath(path: string): string {
  return wholePath(path).replace(/[\\*?[\]]/g, (character) => `\\${character}`);
}
