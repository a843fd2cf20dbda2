import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../platform/atomic-file.ts";
import { privateDirMode, privateFileMode, readPrivateText } from "../platform/private-files.ts";
import { Secret } from "../protocol/secret.ts";
import type { RuntimeCredentials } from "./runtime-settings.ts";

/** Characters of a name that are shown in the name of its file. */
const maxShownChars = 64;

/** Tokens in `<data dir>/runtimes/credentials/`, one file each, 0600; the folder is made by the first that is kept. */
export function createRuntimeCredentials({ dataDir }: { readonly dataDir: string }): RuntimeCredentials {
  const folder = join(dataDir, "runtimes", "credentials");
  return {
    load: async (name) => {
      const text = (await readPrivateText(join(folder, toFileName(name))))?.trim();
      return text === undefined || text === "" ? null : new Secret(text);
    },
    save: async (name, token) => {
      await mkdir(folder, { recursive: true, mode: privateDirMode });
      const text = `${token.reveal()}\n`;
      await writeFileAtomic(join(folder, toFileName(name)), text, { mode: privateFileMode, overwrite: true });
    },
  };
}

/** Readable, safe on every file system, and another one for each name. */
function toFileName(name: string): string {
  const shown = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 12);
  return `${shown.slice(0, maxShownChars)}-${hash}`;
}
