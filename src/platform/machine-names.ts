import { hostname } from "node:os";

/** What this machine calls itself: its whole name, the first part of it, and that as other machines find it by mDNS. */
export function machineNames(): readonly string[] {
  const whole = hostname().toLowerCase();
  const [first = whole] = whole.split(".");
  return whole === "" ? [] : [...new Set([whole, first, `${first}.local`])];
}
