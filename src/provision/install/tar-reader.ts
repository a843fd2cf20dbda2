import { MeshError } from "../../protocol/errors.ts";

/** Size of everything in a tar archive: each header, and the unit that contents are filled up to. */
const blockBytes = 512;

/** Characters of a path in an archive; the longest that systems take. */
const maxPathChars = 4096;

export interface TarLimits {
  readonly maxEntries: number;
  /** Of all files in the archive, unpacked. */
  readonly maxTotalBytes: number;
}

/** A plain file in an archive whose path was found safe. */
export interface TarEntry {
  /** With `/`, without `./` in front. */
  readonly path: string;
  readonly bytes: number;
}

/** Takes the content of one file, in pieces; null passes it over. */
export type TarFileWriter = (piece: Uint8Array) => Promise<void>;

/**
 * Reads a tar archive piece by piece, and never has more of it in memory than that. The first entry that is neither a plain file
 * nor a folder, or whose path leads out of the place where it is unpacked, ends it: a release has none, so it is none.
 * @throws MeshError RUNTIME_INSTALL_FAILED
 */
export async function readTar(
  pieces: AsyncIterable<Uint8Array>,
  limits: TarLimits,
  onFile: (entry: TarEntry) => TarFileWriter | null,
): Promise<void> {
  const source = createSource(pieces);
  let longPath: string | null = null;
  let entries = 0;
  let totalBytes = 0;
  for (;;) {
    const block = await source.take(blockBytes);
    if (block === null) throw badArchive("it ends in the middle");
    if (block.every((byte) => byte === 0)) return;
    const header = parseHeader(block);
    entries += 1;
    totalBytes += header.bytes;
    if (entries > limits.maxEntries) throw badArchive(`it has more than ${limits.maxEntries} entries`);
    if (totalBytes > limits.maxTotalBytes)
      throw badArchive(`it unpacks to more than ${limits.maxTotalBytes} bytes`);
    if (header.type === "long_path" || header.type === "extended") {
      if (header.bytes > maxPathChars * 2) throw badArchive("it has a path that is too long");
      const text = await readText(source, header.bytes);
      longPath = (header.type === "long_path" ? text.replace(/\0.*$/s, "") : extendedPath(text)) ?? longPath;
      continue;
    }
    const path = toSafePath(longPath ?? header.path);
    longPath = null;
    if (header.type === "folder" || header.type === "global") {
      await skip(source, header.bytes);
      continue;
    }
    const write = onFile({ path, bytes: header.bytes });
    await copy(source, header.bytes, write);
  }
}

interface Header {
  readonly path: string;
  readonly bytes: number;
  readonly type: "file" | "folder" | "long_path" | "extended" | "global";
}

function parseHeader(block: Uint8Array): Header {
  const field = (start: number, length: number) => {
    const bytes = block.subarray(start, start + length);
    const end = bytes.indexOf(0);
    return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString("utf8");
  };
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (parseOctal(field(148, 8)) !== sum) throw badArchive("it is no tar archive");
  const bytes = parseOctal(field(124, 12));
  if (bytes === null) throw badArchive("it has a file of no size");
  const isUstar = field(257, 5) === "ustar";
  const prefix = isUstar ? field(345, 155) : "";
  const name = field(0, 100);
  const path = prefix === "" ? name : `${prefix}/${name}`;
  return { path, bytes, type: entryType(String.fromCharCode(block[156] ?? 0), path) };
}

function entryType(flag: string, path: string): Header["type"] {
  switch (flag) {
    case "0":
    case "\0":
      return path.endsWith("/") ? "folder" : "file";
    case "5":
      return "folder";
    case "L":
      return "long_path";
    case "x":
      return "extended";
    case "g":
      return "global";
    default:
      // Links, devices, pipes, sparse files.
      throw badArchive(`${JSON.stringify(path)} is no plain file`);
  }
}

function parseOctal(text: string): number | null {
  const digits = text.trim();
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : null;
}

/** `path` of the records `<length> <key>=<value>\n`; null: none. A size there would be of a file that is too large anyway. */
function extendedPath(text: string): string | null {
  for (const line of text.split("\n")) {
    const record = /^\d+ ([^=]+)=(.*)$/s.exec(line);
    if (record?.[1] === "path") return record[2] ?? null;
    if (record?.[1] === "size" || record?.[1] === "linkpath")
      throw badArchive("it has an entry that is no plain file");
  }
  return null;
}

function toSafePath(path: string): string {
  const steps = path.split("/").filter((step) => step !== "" && step !== ".");
  const isUnsafe =
    path.startsWith("/") ||
    path.length > maxPathChars ||
    /[\\\0]|^[A-Za-z]:/.test(path) ||
    steps.includes("..");
  if (isUnsafe) throw badArchive(`the path ${JSON.stringify(path.slice(0, 200))} leads out of it`);
  return steps.join("/");
}

function badArchive(reason: string): MeshError {
  return new MeshError("RUNTIME_INSTALL_FAILED", `the archive cannot be used: ${reason}`, {
    hint: "Nothing of it was installed. Choose another version with --runtime-version.",
  });
}

interface Source {
  /** So many bytes; null: there are none at all any more. */
  readonly take: (count: number) => Promise<Uint8Array | null>;
  /** At least one byte and at most so many; null at the end. */
  readonly takeSome: (atMost: number) => Promise<Uint8Array | null>;
}

function createSource(pieces: AsyncIterable<Uint8Array>): Source {
  const iterator = pieces[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  const takeSome = async (atMost: number) => {
    while (rest.length === 0) {
      const next = await iterator.next();
      if (next.done === true) return null;
      rest = next.value;
    }
    const piece = rest.subarray(0, atMost);
    rest = rest.subarray(piece.length);
    return piece;
  };
  return {
    takeSome,
    take: async (count) => {
      const whole = new Uint8Array(count);
      let length = 0;
      while (length < count) {
        const piece = await takeSome(count - length);
        if (piece === null) return null;
        whole.set(piece, length);
        length += piece.length;
      }
      return whole;
    },
  };
}

async function copy(source: Source, bytes: number, write: TarFileWriter | null): Promise<void> {
  for (let left = bytes; left > 0; ) {
    const piece = await source.takeSome(left);
    if (piece === null) throw badArchive("it ends in the middle");
    left -= piece.length;
    if (write !== null) await write(piece);
  }
  await skip(source, 0, (blockBytes - (bytes % blockBytes)) % blockBytes);
}

async function skip(source: Source, bytes: number, filling?: number): Promise<void> {
  const fill = filling ?? (blockBytes - (bytes % blockBytes)) % blockBytes;
  for (let left = bytes + fill; left > 0; ) {
    const piece = await source.takeSome(left);
    if (piece === null) throw badArchive("it ends in the middle");
    left -= piece.length;
  }
}

async function readText(source: Source, bytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  await copy(source, bytes, async (piece) => void parts.push(piece.slice()));
  return Buffer.concat(parts).toString("utf8");
}
