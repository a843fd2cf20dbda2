import { parseDocument } from "yaml";
import { MeshError } from "../protocol/errors.ts";

/**
 * Sets one value in the text of a configuration file. Every comment and every other value stays.
 * @throws MeshError CONFIG_INVALID when the text is not YAML, or the path leads through something that is no map
 */
export function setConfigValue(
  text: string,
  path: readonly string[],
  value: string | number | boolean,
): string {
  const document = parseDocument(text, { prettyErrors: false });
  const problem = document.errors[0];
  if (problem !== undefined) throw new MeshError("CONFIG_INVALID", problem.message, { cause: problem });
  try {
    document.setIn(path, value);
  } catch (cause) {
    throw new MeshError(
      "CONFIG_INVALID",
      `${path.join(".")} cannot be set: something above it is not a map`,
      { cause },
    );
  }
  return document.toString({ lineWidth: 0 });
}
