import type { NodeInfo } from "../../protocol/node.ts";
import type { CliContext } from "../context.ts";
import { toSafeLine } from "../render/safe-text.ts";
import { type Check, ok, warning } from "./check.ts";

/** Nodes that are not ready, and of another version, that are named. */
const maxNamed = 5;

/** What the coordinator says of the nodes: ready or why not, echoes beside AIs, versions that differ. */
export function checkNodes(
  { texts }: Pick<CliContext, "texts">,
  nodes: readonly NodeInfo[],
  coordinatorVersion: string | null,
): readonly Check[] {
  const { doctor } = texts;
  if (nodes.length === 0) return [warning("runtime", doctor.noNodes, doctor.noNodesRemedy)];
  const isReady = (node: NodeInfo) => node.status !== "offline" && node.ready;
  const readyCount = nodes.filter(isReady).length;
  const notReady = nodes.filter((node) => !isReady(node));
  const rest = notReady.length - maxNamed;
  const others = notReady.slice(0, maxNamed).map((node) => {
    const reason =
      node.status === "offline" ? texts.decision.reasons.offline : (node.reason ?? texts.nodes.notReady);
    return warning("runtime", toSafeLine(doctor.runtimeNotReady(node.name, reason)), doctor.runtimeRemedy);
  });
  if (rest > 0) others.push(warning("runtime", doctor.moreNotReady(rest), doctor.moreNotReadyRemedy));
  const ready = readyCount === 0 ? [] : [ok("runtime", doctor.runtimesReady(readyCount))];
  return [
    ...ready,
    ...checkEchoes({ texts }, nodes.filter(isReady)),
    ...others,
    ...checkNodeVersions({ texts }, nodes, coordinatorVersion),
  ];
}

/** Echo nodes take their share of the messages, and more: they are the quickest. Beside an AI that is not wanted. */
function checkEchoes({ texts }: Pick<CliContext, "texts">, ready: readonly NodeInfo[]): readonly Check[] {
  const { doctor } = texts;
  const isEcho = ({ runtimes }: NodeInfo) =>
    runtimes.length > 0 && runtimes.every(({ kind }) => kind === "echo");
  const echoes = ready.filter(isEcho);
  if (echoes.length === ready.length)
    return echoes.length === 0 ? [] : [warning("runtime", doctor.onlyEchoes, doctor.onlyEchoesRemedy)];
  const used = echoes.filter(({ scheduling }) => scheduling === "active");
  return used.map(({ name }) =>
    warning("runtime", toSafeLine(doctor.echoes(name)), toSafeLine(doctor.echoRemedy(name))),
  );
}

/** Classic nodes tell no version. */
function checkNodeVersions(
  { texts }: Pick<CliContext, "texts">,
  nodes: readonly NodeInfo[],
  coordinatorVersion: string | null,
): readonly Check[] {
  const { doctor } = texts;
  const others = nodes.filter(
    ({ version, status }) => version !== null && status !== "offline" && version !== coordinatorVersion,
  );
  if (others.length === 0 || coordinatorVersion === null) return [];
  const named = others.slice(0, maxNamed).map(({ name, version }) => `${name} ${version ?? ""}`);
  const rest = others.length - named.length;
  const message = toSafeLine(doctor.otherNodeVersions(named, rest, coordinatorVersion));
  return [warning("node_versions", message, doctor.versionRemedy)];
}
