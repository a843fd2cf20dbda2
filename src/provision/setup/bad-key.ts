import { MeshError } from "../../protocol/errors.ts";

/** For a key that no file of a runtime can hold. */
export function badKey(): MeshError {
  return new MeshError("USAGE", "The key of the provider holds characters that no key has.", {
    hint: "Check that the file or variable holds the key alone.",
  });
}
