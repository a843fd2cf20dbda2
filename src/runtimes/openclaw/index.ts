export { createOpenclawRuntime, type OpenclawOptions } from "./openclaw-runtime.ts";
