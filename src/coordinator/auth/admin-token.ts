import { chmod } from "node:fs/promises";
import { writeFileAtomic } from "../../platform/atomic-file.ts";
import { createSecret } from "../../platform/ids.ts";
import { tokenPath } from "../../platform/paths.ts";
import { privateFileMode, readPrivateText } from "../../platform/private-files.ts";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";

/** What an Authorization header can carry. */
const fitsHeader = /^[\x21-\x7e]+$/;

/** Characters of an admin token. Shorter ones are guessed, whatever lock is between. */
export const minAdminTokenLength = 16;

/**
 * The admin token: the one given, else the one in `<data dir>/token`, else a new one. It is always left in that file, so
 * that the commands on this machine find it unasked.
 * @param folderFile the configuration of the current directory that gives it, unless somebody named that file: it may be
 *   that of a stranger's repository, and gives a token only where there is no other
 * @throws MeshError CONFIG_INVALID for one that is too short, or that a file must not give; DATA_DIR_UNUSABLE, also for a
 *   file that holds no token: with it, no command would get in
 */
export async function loadAdminToken(
  dataDir: string,
  given: Secret | null,
  folderFile: string | null = null,
): Promise<Secret> {
  const path = tokenPath(dataDir);
  try {
    const stored = (await readPrivateText(path))?.trim() ?? "";
    if (given === null && stored !== "" && !fitsHeader.test(stored)) throw notAToken(path);
    const token = given?.reveal() ?? (stored === "" ? createSecret() : stored);
    if (folderFile !== null && stored !== "" && token !== stored) throw notItsPlace(folderFile, path);
    if (token.length < minAdminTokenLength) throw tooShort(given === null ? path : null);
    if (token === stored) await chmod(path, privateFileMode);
    else await writeFileAtomic(path, `${token}\n`, { mode: privateFileMode, overwrite: true });
    return new Secret(token);
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError("DATA_DIR_UNUSABLE", `The token file ${path} cannot be read or written.`, { cause });
  }
}

/** As many digits as {@link createSecret} gives, or more. */
const randomForm = /^[0-9a-f]{32,}$/;

/** Different pairs of neighbours: 31 of 256 that are chosen at random are 29, give or take one. */
const minPairs = 20;

/**
 * Whether nobody can guess it, however often he tries: one of our own making, or of the same form. What a person may have
 * chosen, words, patterns, digits that repeat, could be.
 */
export function isUnguessable(secret: Secret): boolean {
  const token = secret.reveal();
  if (!randomForm.test(token)) return false;
  const pairs = Array.from({ length: token.length - 1 }, (_, at) => token.slice(at, at + 2));
  return new Set(pairs).size >= minPairs;
}

function notItsPlace(folderFile: string, path: string): MeshError {
  return new MeshError(
    "CONFIG_INVALID",
    `${folderFile} gives another admin token than ${path}, which is in use.`,
    {
      hint: `If you mean that file, name it: --config ${folderFile}. Else start in another directory, or remove ${path} to give its place up.`,
    },
  );
}

function tooShort(path: string | null): MeshError {
  const which = path === null ? "The admin token" : `The admin token in ${path}`;
  return new MeshError("CONFIG_INVALID", `${which} is shorter than ${minAdminTokenLength} characters.`, {
    hint: "Leave it away, and the coordinator makes one that nobody guesses; claw-mesh init writes one into a file.",
  });
}

function notAToken(path: string): MeshError {
  return new MeshError("DATA_DIR_UNUSABLE", `The token file ${path} does not hold a token.`, {
    hint: "Remove it to get a new token, or write one word of visible ASCII characters into it.",
  });
}
