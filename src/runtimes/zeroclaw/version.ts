/** Major and minor number of a version of ZeroClaw; what comes after them makes no difference here. */
export interface ZeroclawVersion {
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

/** null: it does not begin as versions do. */
export function matchVersion(text: string): ZeroclawVersion | null {
  const match = /^v?(\d{1,4})\.(\d{1,4})(?:[.+-]|$)/.exec(text.trim());
  if (match === null) return null;
  return { text: text.trim().slice(0, 64), major: Number(match[1]), minor: Number(match[2]) };
}

function isAtLeast(
  { major, minor }: ZeroclawVersion,
  wanted: readonly [major: number, minor: number],
): boolean {
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
}

/** Whether its WebSocket chat keeps conversations by an id of ours. null, an unknown version: it does not. */
export function keepsSessions(version: ZeroclawVersion | null): boolean {
  return version !== null && isAtLeast(version, [0, 5]);
}

/** Whether a turn can be stopped, asked after, and ends with its socket. */
export function stopsTurns(version: ZeroclawVersion | null): boolean {
  return version !== null && isAtLeast(version, [0, 8]);
}

/** Whether its webhook runs the agent with its tools in every release of the line; before, it is one call of the model. */
export function hasAgentWebhook(version: ZeroclawVersion | null): boolean {
  return version !== null && isAtLeast(version, [0, 8]);
}
