import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { executable } from "../support/program.ts";

/**
 * A small program that becomes the executable, for copies where its 100 MB would be most of the time; under a name of its own
 * beside itself, so that processes show which copy they are.
 */
export async function createStub(folder: string): Promise<string> {
  const file = join(folder, "claw mesh");
  const script = `#!/bin/sh\n[ -e "$0.real" ] || ln -s '${executable}' "$0.real"\nexec "$0.real" "$@"\n`;
  await writeFile(file, script);
  await chmod(file, 0o755);
  return file;
}
