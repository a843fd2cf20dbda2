import type { ServiceControl } from "../platform/services/service-control.ts";
import {
  type ServiceId,
  type ServiceScope,
  serviceName,
  serviceRoles,
} from "../platform/services/service-id.ts";
import { defaultScope, type ServiceMachine } from "../platform/services/service-machine.ts";
import { MeshError } from "../protocol/errors.ts";
import type { CliContext } from "./context.ts";

/** Flags that say which service is meant. */
export interface ServiceChoice {
  readonly name?: string;
  readonly user?: boolean;
  readonly system?: boolean;
}

/** @throws MeshError USAGE */
export function readRole({ texts }: Pick<CliContext, "texts">, word: string): ServiceId["role"] {
  const role = serviceRoles.find((candidate) => candidate === word);
  if (role === undefined) throw new MeshError("USAGE", texts.service.badRole(word));
  return role;
}

/** @throws MeshError USAGE when both are asked for */
export function readScope(
  { texts }: Pick<CliContext, "texts">,
  { user, system }: ServiceChoice,
  machine: ServiceMachine,
): ServiceScope {
  if (user === true && system === true) throw new MeshError("USAGE", texts.service.bothScopes);
  if (user === true) return "user";
  return system === true ? "system" : defaultScope(machine);
}

/**
 * The service that is meant; without a word the only one that is installed.
 * @throws MeshError USAGE when there are several, SERVICE_NOT_INSTALLED when there is none
 */
export async function findService(
  { texts }: Pick<CliContext, "texts">,
  control: ServiceControl,
  {
    word,
    choice,
    scope,
  }: { readonly word: string | undefined; readonly choice: ServiceChoice; readonly scope: ServiceScope },
): Promise<ServiceId> {
  const named = chosenId({ texts }, word, choice);
  const installed = await control.list();
  if (named !== null) {
    const sameName = installed.find((id) => serviceName(id) === serviceName(named));
    // `node` alone means the only node there is, whatever it is called.
    const sameRole = installed.filter(({ role }) => role === named.role);
    const found = sameName ?? (named.node === null && sameRole.length === 1 ? sameRole[0] : undefined);
    if (found !== undefined) return found;
    throw new MeshError("SERVICE_NOT_INSTALLED", texts.service.notInstalled(serviceName(named), scope));
  }
  const [only, ...others] = installed;
  if (only === undefined) throw new MeshError("SERVICE_NOT_INSTALLED", texts.service.none(scope));
  if (others.length === 0) return only;
  throw new MeshError("USAGE", texts.service.which(installed.map(serviceName)), {
    hint: texts.service.whichHint,
  });
}

/** null: no word and no name was given. */
export function chosenId(
  { texts }: Pick<CliContext, "texts">,
  word: string | undefined,
  { name }: ServiceChoice,
): ServiceId | null {
  if (word === undefined) return name === undefined ? null : { role: "node", node: name };
  const role = readRole({ texts }, word);
  if (role === "coordinator" && name !== undefined)
    throw new MeshError("USAGE", texts.service.nameOfCoordinator);
  return { role, node: name ?? null };
}
