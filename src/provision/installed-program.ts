import type { InstallableKind } from "../domain/provision/recommend-runtime.ts";

/** The program of a runtime that is on this machine, whoever installed it. */
export interface InstalledProgram {
  readonly kind: InstallableKind;
  /** null: it does not tell. */
  readonly version: string | null;
  /** What is started, before the arguments of a command: the program, or a Node.js and the script that it runs. */
  readonly command: readonly string[];
  /** Variables beside those of this process: PATH with a private Node.js first. */
  readonly env: Readonly<Record<string, string>>;
}
