import type { OpenaiSessions } from "../runtime-settings.ts";
import { fetchModels, isOpenclawModel, type ModelList, type ServerAccess } from "./models.ts";
import { hasResponses, isHermes, isPassing, matchOwner } from "./server-product.ts";

/** How conversations are kept with one server. */
export type SessionConvention = Exclude<OpenaiSessions, "auto">;

type ConventionFinding =
  | { readonly kind: "found"; readonly sessions: SessionConvention }
  /** The server did not say what it is; asked again, it may. `status`: of its list of models, when that was refused. */
  | { readonly kind: "unknown"; readonly status: number | null };

/**
 * What `auto` means with the server: what its models and their owner say, and, where those say nothing, whether it is a Hermes
 * Agent. A server that is surely none of those that keep conversations gets them sent. Nothing is found while the server does
 * not answer these questions: by a wrong convention one owner would read what another one said. Rejects when it cannot be
 * reached.
 */
export async function findConvention(
  access: ServerAccess,
  model: string,
  signal: AbortSignal,
): Promise<ConventionFinding> {
  if (isOpenclawModel(model)) return found("header");
  const list = await fetchModels(access, signal);
  if (isUndecided(list)) return { kind: "unknown", status: list.status };
  const owner = list.kind === "listed" ? matchOwner(list.owners) : null;
  if (owner === "nanobot") return found("body");
  if (owner !== null) return found("history");
  const answer = await isHermes(access, signal);
  if (answer !== "yes") return toFinding(answer, "history");
  const offer = await hasResponses(access, signal);
  return offer === "yes" ? found("responses") : toFinding(offer, "history");
}

/** A server without such a list, or with something else in its place, is none of those with one. */
function isUndecided(list: ModelList): list is Extract<ModelList, { readonly kind: "refused" }> {
  if (list.kind !== "refused") return false;
  return list.status === 401 || list.status === 403 || isPassing(list.status);
}

function found(sessions: SessionConvention): ConventionFinding {
  return { kind: "found", sessions };
}

function toFinding(answer: "no" | "unknown", sessions: SessionConvention): ConventionFinding {
  return answer === "no" ? found(sessions) : { kind: "unknown", status: null };
}
