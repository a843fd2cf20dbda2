export { createOpenaiRuntime, type OpenaiOptions } from "./openai-runtime.ts";
