import { MeshError } from "../../protocol/errors.ts";
import type { ServiceId, ServiceScope } from "./service-id.ts";

/** All that a service manager has to know of one service; what is rendered follows from it alone. */
export interface ServiceSpec {
  readonly id: ServiceId;
  readonly scope: ServiceScope;
  /** Absolute path of the executable. */
  readonly program: string;
  /** Arguments behind it. Never a secret: every user of the machine can read them. */
  readonly args: readonly string[];
  readonly dataDir: string;
  /** Whom a system service runs as; null: the user whose service it is. */
  readonly runAs: { readonly name: string; readonly home: string } | null;
  /** Folders that programs are looked for in; null: what the service manager gives. */
  readonly searchPath: string | null;
  /** A file of variables for the service, which may be missing: the place of keys (systemd only). */
  readonly environmentFile: string;
  /** Where output goes without a journal (launchd only). */
  readonly logFile: string;
  /**
   * Nothing but the coordinator's own code runs in it: no node and so no program of an AI runtime. Then the whole machine
   * but its data directory is closed to it.
   */
  readonly isSealed: boolean;
}

/** What an agent gives its runs. */
const drainS = 30;

/** What it gives a gateway that it keeps alive, whose own limit is 330 s, and what follows. */
const gatewayEndS = 345;

/** The longest {@link stopLimitS}. */
export const longestStopS = drainS + gatewayEndS;

/** How long the service manager waits for a graceful end: longer than the agent gives its own runs, and what follows. */
export function stopLimitS({ id, isSealed }: Pick<ServiceSpec, "id" | "isSealed">): number {
  return id.role === "coordinator" && isSealed ? 30 : longestStopS;
}

/** Pause before the next start; with it, {@link startLimit} is reached within two and a half minutes of failing at once. */
export const restartS = 5;
/** More starts than this within the time, and the service manager gives up until somebody starts it. */
export const startLimit = { count: 20, withinS: 600 };

/** Connections and files of thousands of nodes. */
export const openFiles = 65_536;

/** Above this length neither service manager has been tried. */
const maxTextLength = 4096;

/**
 * Text that stands on one line of a unit and in a property list.
 * @throws MeshError USAGE for line breaks and other control characters, which no quoting makes safe
 */
export function checkUnitText(text: string, what: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[\u0000-\u001f\u007f\u2028\u2029\ufffe\uffff]|\p{Cs}/u.test(text)) {
    throw new MeshError("USAGE", `${what} holds a line break or another control character`, {
      hint: "A service cannot have it; choose another path or value.",
    });
  }
  if (text.length > maxTextLength)
    throw new MeshError("USAGE", `${what} is longer than ${maxTextLength} characters`);
  return text;
}
