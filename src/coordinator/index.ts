export { beginCheck, checkPage, toVerdict } from "../domain/audit/chain-check.ts";
export { type CoordinatorOptions, type RunningCoordinator, startCoordinator } from "./coordinator.ts";
export type { TlsSettings } from "./tls/server-certificate.ts";
