import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { MeshError } from "../../protocol/errors.ts";
import { withFileFailures } from "./file-failure.ts";
import { readTar } from "./tar-reader.ts";

/** Of everything in the archive, unpacked; the program has about 60 MB, its dashboard less. */
const maxTotalBytes = 512 * 1024 * 1024;
const maxEntries = 20_000;

/** A release compresses to about a third; what does better is made to fill disks. */
const maxProgramBytes = 256 * 1024 * 1024;

/**
 * Takes one program out of a gzipped tar archive whose checksum was found right. The rest of the archive is read too, and nothing of it is written.
 * @param to a file that is not there yet; only this user may run it
 * @throws MeshError RUNTIME_INSTALL_FAILED or DISK_FULL; nothing is left at `to` then
 */
export async function unpackProgram(
  archive: string,
  { name, to, signal }: { readonly name: string; readonly to: string; readonly signal: AbortSignal },
): Promise<void> {
  let isFound = false;
  await withFileFailures(to, async () => {
    const file = await open(to, "wx", 0o700);
    try {
      const limits = { maxEntries, maxTotalBytes };
      await readTar(readGzip(archive, signal), limits, (entry) => {
        if (entry.path !== name) return null;
        if (isFound || entry.bytes === 0 || entry.bytes > maxProgramBytes)
          throw badProgram(name, `${entry.bytes} bytes`);
        isFound = true;
        return (piece) => file.appendFile(piece);
      });
      if (!isFound) throw badProgram(name, "not there");
      await file.sync();
    } catch (error) {
      await rm(to, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  });
}

async function* readGzip(archive: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const source = createReadStream(archive);
  source.on("error", (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const piece of gunzip) {
      signal.throwIfAborted();
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === null || !code.startsWith("Z_")) throw error;
    throw new MeshError("RUNTIME_INSTALL_FAILED", `the archive cannot be used: it is no gzip (${code})`, {
      hint: "Nothing of it was installed. Choose another version with --runtime-version.",
      cause: error,
    });
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

function badProgram(name: string, what: string): MeshError {
  return new MeshError("RUNTIME_INSTALL_FAILED", `the archive has no usable program ${name} (${what})`, {
    hint: "Nothing of it was installed. Choose another version with --runtime-version.",
  });
}
