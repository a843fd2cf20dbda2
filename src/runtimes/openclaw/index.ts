export { type DiscoveredOpenclaw, type DiscoverOptions, discoverOpenclaw } from "./discover.ts";
export { createOpenclawRuntime, type OpenclawOptions } from "./openclaw-runtime.ts";
