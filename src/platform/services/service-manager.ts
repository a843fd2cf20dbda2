import type { CommandLine, CommandOutcome } from "./service-command.ts";
import type { ServiceId, ServiceScope } from "./service-id.ts";
import type { ServiceSpec } from "./service-spec.ts";

/** A command on the way to a goal. */
export interface ServiceStep {
  readonly command: CommandLine;
  /** Its failure is no failure of the whole: there was nothing to do. */
  readonly mayFail: boolean;
  /** Repeated until it fails, for so long at most: it asks for something that is on its way out. */
  readonly untilFailsS?: number;
}

export type ServiceCondition = "running" | "starting" | "stopping" | "stopped" | "failed" | "unknown";

/** What a service manager says of one service. */
export interface ServiceState {
  readonly condition: ServiceCondition;
  /** In the words of the service manager. */
  readonly detail: string;
  readonly pid: number | null;
  /** How often it was started again by itself since it was last started; null: not told. */
  readonly restarts: number | null;
  /** Starts with the machine, or with its user's first login; null: not told. */
  readonly isEnabled: boolean | null;
  /** As the service manager writes it. */
  readonly since: string | null;
}

/** One service manager in one scope, as data: where its units are, how they look, which commands do what. No I/O. */
export interface ServiceManager {
  readonly kind: "systemd" | "launchd";
  readonly scope: ServiceScope;
  /** Folder of the units. */
  readonly folder: string;
  /** Stands in every unit of ours. */
  readonly mark: string;
  readonly fileOf: (id: ServiceId) => string;
  /** The service that a file of the folder belongs to; null: none of ours. */
  readonly idOf: (fileName: string) => ServiceId | null;
  readonly render: (spec: ServiceSpec) => string;
  /** The data directory that a unit of ours names; null: it names none. */
  readonly dataDirOf: (unit: string) => string | null;
  /** Ends well, and says something that {@link isAvailable} takes, where services can be managed. */
  readonly askAvailable: CommandLine;
  readonly isAvailable: (outcome: CommandOutcome) => boolean;
  /** After the unit was written; `hasChanged`: it is another one than that which may run. */
  readonly planInstalled: (id: ServiceId, hasChanged: boolean) => readonly ServiceStep[];
  readonly planStart: (id: ServiceId) => readonly ServiceStep[];
  readonly planStop: (id: ServiceId) => readonly ServiceStep[];
  /** Before the unit is removed, and after. */
  readonly planRemove: (id: ServiceId) => {
    readonly before: readonly ServiceStep[];
    readonly after: readonly ServiceStep[];
  };
  readonly askState: (id: ServiceId) => CommandLine;
  readonly readState: (outcome: CommandOutcome) => ServiceState;
  /** null: what it writes is in its log file. */
  readonly showLogs: (
    id: ServiceId,
    options: { readonly lines: number; readonly follow: boolean },
  ) => CommandLine | null;
}

export function must(...command: CommandLine): ServiceStep {
  return { command, mayFail: false };
}

export function may(...command: CommandLine): ServiceStep {
  return { command, mayFail: true };
}
