export { createZeroclawRuntime, type ZeroclawOptions } from "./zeroclaw-runtime.ts";
