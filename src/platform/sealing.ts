import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { MeshError } from "../protocol/errors.ts";
import { Secret } from "../protocol/secret.ts";
import { errorCodeOf, writeFileAtomic } from "./atomic-file.ts";
import { privateFileMode, readPrivateText } from "./private-files.ts";

/** Locks texts with a key that is kept apart from where the texts are: who has those alone can read none of them. */
export interface Seal {
  /** @param about what it belongs to; only together with that it opens again */
  readonly close: (secret: Secret, about: string) => string;
  /** null: sealed with another key, about something else, or damaged. */
  readonly open: (sealed: string, about: string) => Secret | null;
}

/** Starts every sealed text, with the number of the way it was sealed. */
const mark = "sealed1.";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

export function isSealed(text: string): boolean {
  return text.startsWith(mark);
}

/** AES-256-GCM with a new nonce each time. */
export function createSeal(key: Uint8Array): Seal {
  return {
    close: (secret, about) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(about));
      const sealed = Buffer.concat([cipher.update(secret.reveal(), "utf8"), cipher.final()]);
      return mark + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
    },
    open: (text, about) => {
      const bytes = Buffer.from(text.slice(mark.length), "base64url");
      if (!isSealed(text) || bytes.length < nonceBytes + tagBytes) return null;
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes))
        .setAAD(Buffer.from(about))
        .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      try {
        const sealed = bytes.subarray(nonceBytes + tagBytes);
        return new Secret(Buffer.concat([decipher.update(sealed), decipher.final()]).toString("utf8"));
      } catch {
        // All that a wrong key or a changed text shows is that they do not fit.
        return null;
      }
    },
  };
}

/**
 * The seal whose key is in this file, made when there is none.
 * @throws MeshError FILE_UNSAFE, or DATA_DIR_UNUSABLE, also for a file that holds no key
 */
export async function loadSeal(path: string): Promise<Seal> {
  try {
    const text = (await readPrivateText(path))?.trim() ?? null;
    if (text !== null) return createSeal(parseKey(path, text));
    const key = randomBytes(keyBytes);
    await writeFileAtomic(path, `${key.toString("hex")}\n`, { mode: privateFileMode, overwrite: false });
    return createSeal(key);
  } catch (cause) {
    if (errorCodeOf(cause) === null || cause instanceof MeshError) throw cause;
    throw new MeshError("DATA_DIR_UNUSABLE", `The key file ${path} cannot be read or written.`, { cause });
  }
}

function parseKey(path: string, text: string): Uint8Array {
  if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, "hex");
  throw new MeshError("DATA_DIR_UNUSABLE", `The key file ${path} does not hold a key.`, {
    hint: "Remove it to get a new one; nodes of the direct transport then have to be started again.",
  });
}
