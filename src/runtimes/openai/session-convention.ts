import type { OpenaiSessions } from "../runtime-settings.ts";
import { fetchModels, isOpenclawModel, type ServerAccess } from "./models.ts";
import { hasResponses, isHermes, matchOwner } from "./server-product.ts";

/** How conversations are kept with one server. */
export type SessionConvention = Exclude<OpenaiSessions, "auto">;

/**
 * What `auto` means with the server: what its models and their owner say, and, where those say nothing, whether it is a Hermes
 * Agent. A server that is none of those that keep conversations gets them sent. Rejects when it cannot be reached.
 */
export async function findConvention(
  access: ServerAccess,
  model: string,
  signal: AbortSignal,
): Promise<SessionConvention> {
  if (isOpenclawModel(model)) return "header";
  const list = await fetchModels(access, signal);
  const owner = list.kind === "listed" ? matchOwner(list.owners) : null;
  if (owner === "nanobot") return "body";
  if (owner !== null || !(await isHermes(access, signal))) return "history";
  return (await hasResponses(access, signal)) ? "responses" : "history";
}
