/** Tar archives byte by byte, also such as no program for archives would write. */

export interface TarFileOptions {
  /** Type of the entry; default `0`, a plain file. */
  readonly type?: string;
  /** What a link points at. */
  readonly link?: string;
  /** The size that the header tells, in place of the content's. */
  readonly claimsBytes?: number;
}

const blockBytes = 512;

export function tarFile(
  name: string,
  content: string | Uint8Array,
  { type = "0", link = "", claimsBytes }: TarFileOptions = {},
): Uint8Array {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0, 100);
  header.write("0000755\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${(claimsBytes ?? bytes.length).toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write("ustar\0", 257);
  header.write("00", 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const filling = Buffer.alloc((blockBytes - (bytes.length % blockBytes)) % blockBytes);
  return Buffer.concat([header, bytes, filling]);
}

/** The entries, and the two empty blocks that end an archive. */
export function tarOf(...entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([...entries, Buffer.alloc(2 * blockBytes)]);
}
