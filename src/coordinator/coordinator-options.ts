import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { GroupInput, RuleInput } from "../protocol/rule.ts";
import type { Secret } from "../protocol/secret.ts";
import type { SeedSettings } from "./seed/seed-settings.ts";
import type { RetentionPolicy } from "./tasks/retention.ts";
import type { TlsSettings } from "./tls/server-certificate.ts";

export interface CoordinatorOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** null: the one in `<data dir>/token`, made when there is none. */
  readonly token: Secret | null;
  /**
   * The configuration file of the current directory that the token stands in, which nobody named: it must not take the place
   * of another that is stored. default null: whoever gave the token means it
   */
  readonly tokenFolderFile?: string | null;
  readonly dataDir: string;
  /** Direct endpoints may have private addresses. */
  readonly allowPrivate: boolean;
  readonly rules: readonly RuleInput[];
  readonly groups: Readonly<Record<string, GroupInput>>;
  /** How long ended tasks are kept. */
  readonly retention: RetentionPolicy;
  /** Names, beside this machine's own, that browsers may call it by. */
  readonly allowedHosts: readonly string[];
  readonly limits: CoordinatorLimits;
  /** null: plain HTTP. */
  readonly tls: TlsSettings | null;
  /** By which certificates age; default: the system's. */
  readonly certificateClock?: Clock;
  /** What new nodes are offered of this machine; default null: nothing. */
  readonly seed?: SeedSettings | null;
  readonly version: string;
  readonly log: Log;
}

/** What clients may send and hold open; `coordinator.limits` of the configuration. */
export interface CoordinatorLimits {
  readonly bodyBytes: number;
  readonly requestsPerClient: number;
  readonly streams: number;
  readonly streamsPerClient: number;
  readonly linksPerClient: number;
}
