import type { ProvisionDeps } from "../provision-deps.ts";
import type { OnProvisionProgress } from "../provision-step.ts";

export interface SetupDeps extends ProvisionDeps {
  readonly onProgress?: OnProvisionProgress | undefined;
}
