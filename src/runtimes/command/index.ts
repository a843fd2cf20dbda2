export { type CommandOptions, createCommandRuntime } from "./command-runtime.ts";
