import type { InstallableKind } from "../domain/provision/recommend-runtime.ts";
import type { Secret } from "../protocol/secret.ts";

/** How the gateway of an installed runtime is started, and how one sees that it takes work. */
export interface GatewayProgram {
  readonly kind: InstallableKind;
  /** Program and arguments; no secrets: other users see what a command line holds. */
  readonly command: readonly string[];
  /** Variables beside those of this process, such as PATH with a private Node.js first. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly endpoint: string;
  /** null: it needs none, or is paired by its adapter. */
  readonly token: Secret | null;
  /** Resolves whether it takes work now; asks the gateway itself, not its port. Never rejects; takes at most 3 s. */
  readonly isReady: () => Promise<boolean>;
  /** The same, of whether a gateway of this kind answers there at all: one that finishes its work before it ends does. */
  readonly isAlive: () => Promise<boolean>;
  /** Time it may take to become ready after its start. */
  readonly readyLimitMs: number;
  /** Time it may take to end after SIGTERM before it gets SIGKILL. */
  readonly stopLimitMs: number;
  /** Exit codes after which another start would end in the same way: its configuration is wrong. */
  readonly finalExitCodes: readonly number[];
}
