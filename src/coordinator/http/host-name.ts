import { isIP } from "node:net";

/** What a Host header names. */
export interface NamedHost {
  /** Lower case, without a final dot; IPv6 without brackets. */
  readonly name: string;
  readonly isAddress: boolean;
  /** null: none was written, which means the scheme's own. */
  readonly port: number | null;
}

const maxHostLength = 262;

/** @returns null for anything but one name or address and perhaps a port, such as two headers joined by a comma */
export function parseHost(text: string): NamedHost | null {
  if (text.length > maxHostLength) return null;
  const parts = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text);
  if (parts === null) return null;
  const [, bracketed, bare, digits] = parts;
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && port > 65_535) return null;
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6 ? { name: bracketed.toLowerCase(), isAddress: true, port } : null;
  }
  const name = toHostName(bare ?? "");
  return name === "" ? null : { name, isAddress: isIP(name) === 4, port };
}

/** A name as it is compared. */
export function toHostName(text: string): string {
  return text.toLowerCase().replace(/\.$/, "");
}
