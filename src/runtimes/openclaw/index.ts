export { discoverOpenclaw } from "./discover.ts";
export { createOpenclawRuntime, type OpenclawOptions } from "./openclaw-runtime.ts";
