export { createZeroclawRuntime, defaultZeroclawEndpoint, type ZeroclawOptions } from "./zeroclaw-runtime.ts";
