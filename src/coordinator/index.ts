export { beginCheck, checkPage, toVerdict } from "../domain/audit/chain-check.ts";
export { type RunningCoordinator, startCoordinator } from "./coordinator.ts";
export type { CoordinatorOptions } from "./coordinator-options.ts";
export type { TlsSettings } from "./tls/server-certificate.ts";
