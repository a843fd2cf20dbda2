export { createAcpRuntime } from "./acp-runtime.ts";
export type { AcpOptions } from "./adapter.ts";
