import type { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import { type FindDeps, findRuntime, type RuntimeWish } from "../provision/find-runtime.ts";
import { createRuntime, type RuntimeDeps } from "../runtimes/index.ts";
import type { Runtime } from "../runtimes/runtime.ts";

/** One runtime of this node, as the operator named it. */
export type RuntimeChoice = RuntimeWish & {
  /** Attempts at once; null: what the runtime tells, else 4. */
  readonly slots: number | null;
};

/** The runtimes of this node, in the order of preference. */
export interface NodeRuntimes {
  readonly runtimes: readonly Runtime[];
  /** Attempts at once where the operator set them. */
  readonly slotsOf: ReadonlyMap<RuntimeKind, number>;
}

/**
 * The runtimes that the choices mean on this machine, in their order. One that was named need not run yet; one that is to be
 * found must.
 * @throws MeshError RUNTIME_NOT_FOUND, USAGE for a bad address, or for two of one kind
 */
export async function chooseRuntimes(
  choices: readonly RuntimeChoice[],
  deps: FindDeps & RuntimeDeps,
): Promise<NodeRuntimes> {
  const found = await Promise.all(choices.map((choice) => findRuntime(choice, deps)));
  const kinds = found.map(({ settings }) => settings.kind);
  const twice = kinds.find((kind, index) => kinds.indexOf(kind) !== index);
  if (twice !== undefined) {
    throw new MeshError("USAGE", `This node would have the runtime "${twice}" twice.`, {
      hint: "A node has each kind once; a second one is a node of its own, with another --name.",
    });
  }
  for (const { tokenProblem, choice } of found) {
    if (choice !== null) deps.log.info(`runtime: ${choice}`);
    if (tokenProblem !== null) deps.log.warn(tokenProblem);
  }
  const slotsOf = new Map<RuntimeKind, number>();
  for (const [index, kind] of kinds.entries()) {
    const slots = choices[index]?.slots ?? null;
    if (slots !== null) slotsOf.set(kind, slots);
  }
  return { runtimes: await Promise.all(found.map(({ settings }) => createRuntime(settings, deps))), slotsOf };
}
