/** FNV-1a over UTF-16 code units, then mixed: 32 bits that spread well even for ids that share a long prefix. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mixBits(hash);
}

/** The finalizer of MurmurHash3: each bit of the input moves half of the bits of the result. */
export function mixBits(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** A hash as a number above 0 and below 1. */
export function toFraction(hash: number): number {
  return ((hash >>> 0) + 0.5) / 2 ** 32;
}
