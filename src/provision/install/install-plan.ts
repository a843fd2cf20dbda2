import type { InstalledProgram } from "../installed-program.ts";
import type { ProvisionStep } from "../provision-step.ts";
import type { PackageOrder } from "./fetch-package.ts";
import type { ZeroclawRelease } from "./zeroclaw-release.ts";

/** A step, and why it need not be done; null: it has to be. */
export interface PlannedStep {
  readonly step: ProvisionStep;
  readonly skipped: string | null;
}

interface PlanBase {
  /** What will be installed; a tag of npm such as `latest` stays one. */
  readonly version: string;
  readonly steps: readonly PlannedStep[];
  /** What is there already and is used as it is; null: something has to be installed. */
  readonly installed: InstalledProgram | null;
}

export interface OpenclawPlan extends PlanBase {
  readonly kind: "openclaw";
  readonly npm: string;
  /** Where npm puts it: `<prefix>/lib/node_modules/openclaw`. */
  readonly prefix: string;
  /** Installed before OpenClaw and used for it; null: the machine's own will do, or it is there. */
  readonly privateNode: PackageOrder | null;
  /** null: the OpenClaw that is there is used, and only Node.js is missing. */
  readonly openclaw: PackageOrder | null;
}

export interface ZeroclawPlan extends PlanBase {
  readonly kind: "zeroclaw";
  readonly release: ZeroclawRelease;
  /** Where the archive is kept until it is unpacked. */
  readonly archive: string;
  readonly program: string;
}

/** What an installation will do, step by step. Nothing has been done yet. */
export type InstallPlan = OpenclawPlan | ZeroclawPlan;
