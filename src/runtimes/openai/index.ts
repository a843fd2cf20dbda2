export { fetchModels, type ModelList, matchChatModel, type ServerAccess } from "./models.ts";
export { createOpenaiRuntime, type OpenaiOptions } from "./openai-runtime.ts";
export { identifyServer, type ServerProduct } from "./server-product.ts";
