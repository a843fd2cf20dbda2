export { type CoordinatorOptions, type RunningCoordinator, startCoordinator } from "./coordinator.ts";
export type { TlsSettings } from "./tls/server-certificate.ts";
