/**
 * The address of a proxy without user and password: all up to the last `@`, as a password that is not escaped may hold
 * anything, and with or without a scheme.
 */
export function hideUserInfo(address: string): string {
  const start = /^\s*(?:[a-z][a-z0-9+.-]*:)?\/\//i.exec(address)?.[0] ?? "";
  const end = address.lastIndexOf("@");
  return end < start.length ? address : `${start}***${address.slice(end)}`;
}
