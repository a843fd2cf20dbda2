import { parse, stringify, YAMLParseError } from "yaml";
import { MeshError } from "../protocol/errors.ts";

/** One field as lines of YAML; a text of several lines stays readable. */
export function printYamlField(name: string, value: string | number): string {
  return stringify({ [name]: value }, { lineWidth: 0, blockQuote: "literal" }).trimEnd();
}

/** @throws MeshError USAGE that says where the text is no YAML */
export function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new MeshError("USAGE", error.message.split("\n")[0] ?? "", { cause: error });
  }
}
