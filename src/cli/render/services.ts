import type { Catalogue } from "../../locale/index.ts";
import { type ServiceId, type ServiceScope, serviceName } from "../../platform/services/service-id.ts";
import type { ServiceState, ServiceStep } from "../../platform/services/service-manager.ts";
import { shellWord } from "../shell-word.ts";
import { toSafeLine } from "./safe-text.ts";

interface ServiceView {
  readonly scope: ServiceScope;
  readonly file: string;
  readonly state: ServiceState;
}

export function serviceJson({ role, node }: ServiceId, { scope, file, state }: ServiceView) {
  const { condition, detail, pid, restarts, isEnabled, since } = state;
  return {
    service: serviceName({ role, node }),
    role,
    node,
    scope,
    file,
    state: condition,
    detail,
    pid,
    restarts,
    enabled: isEnabled,
    since,
  };
}

/** `claw-mesh-node-gpu: running, process 812, since Mon …, restarted once, starts by itself` */
export function serviceLine({ service }: Catalogue, id: ServiceId, state: ServiceState): string {
  const { condition, detail, pid, restarts, isEnabled, since } = state;
  const word = service.states[condition];
  const parts = [
    condition === "running" || condition === "stopped" ? word : `${word} (${detail})`,
    ...(pid === null ? [] : [service.pid(pid)]),
    ...(since === null ? [] : [service.since(since)]),
    ...(restarts === null || restarts === 0 ? [] : [service.restarts(restarts)]),
    ...(isEnabled === null ? [] : [isEnabled ? service.enabled : service.disabled]),
  ];
  return toSafeLine(`${serviceName(id)}: ${parts.join(", ")}`);
}

interface DryRun {
  readonly file: string;
  readonly unit: string;
  readonly tokenFile: string | null;
  readonly commands: readonly ServiceStep[];
}

export function renderDryRun({ service }: Catalogue, { file, unit, tokenFile, commands }: DryRun): string {
  const lines = commands.map(
    ({ command, mayFail }) =>
      command.map(shellWord).join(" ") + (mayFail ? `  ${service.commandMayFail}` : ""),
  );
  return [
    ...(tokenFile === null ? [] : [service.wouldWriteToken(tokenFile)]),
    service.wouldWrite(file, "644"),
    unit,
    service.wouldRun,
    ...lines,
  ].join("\n");
}
