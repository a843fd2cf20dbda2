import type { Catalogue } from "../../locale/index.ts";
import type { Output } from "../../platform/terminal.ts";
import type { DetectedChoice, DetectedRuntime, Recommendation } from "../../provision/index.ts";
import { reasonText } from "../provision-text.ts";
import type { Colour } from "./paint.ts";
import { toSafeLine } from "./safe-text.ts";
import { type Column, renderTable } from "./table.ts";

export interface FoundRuntimes {
  readonly detected: readonly DetectedRuntime[];
  readonly choice: DetectedChoice;
  /** Runtimes that the configuration names; empty: a node looks for itself. */
  readonly configured: readonly string[];
  readonly recommendation: Recommendation;
}

const colours: Readonly<Record<DetectedRuntime["state"], Colour>> = {
  ready: "green",
  stopped: "yellow",
  not_ready: "red",
};

/** What was found, what a node would use and why, and what could be installed and why. */
export function renderRuntimes(
  found: FoundRuntimes,
  texts: Catalogue,
  output: Pick<Output, "columns" | "hasColour">,
): string {
  const { list } = texts.runtimes;
  const { detected, configured } = found;
  const table = detected.length === 0 ? `${list.none}\n` : renderTable(columns(texts), detected, output);
  // Not a column: on a narrow terminal nothing of a remedy may be cut off.
  const problems = detected.flatMap(({ product, problem }) =>
    problem === null
      ? []
      : [list.problem(toSafeLine(product), toSafeLine(problem.message), toSafeLine(problem.remedy))],
  );
  const lines = [
    ...problems,
    ...(configured.length === 0
      ? [choiceLine(found.choice, texts)]
      : [list.configured(configured.map(toSafeLine).join(", "))]),
    ...(detected.some(isInstalledClaw) ? [] : [installLine(found.recommendation, texts)]),
  ];
  return `${table}\n${lines.join("\n")}\n`;
}

/** Nothing more would be installed beside it. */
function isInstalledClaw({ kind, program }: DetectedRuntime): boolean {
  return (kind === "openclaw" || kind === "zeroclaw") && program !== null;
}

function columns({ runtimes }: Catalogue): readonly Column<DetectedRuntime>[] {
  const { headers, states } = runtimes.list;
  return [
    { header: headers.product, cell: ({ product }) => ({ text: product }), minWidth: 8 },
    { header: headers.kind, cell: ({ kind }) => ({ text: kind }), dropOrder: 3 },
    { header: headers.version, cell: ({ version }) => ({ text: version ?? "-" }), dropOrder: 2 },
    { header: headers.state, cell: ({ state }) => ({ text: states[state], colour: colours[state] }) },
    { header: headers.where, cell: (runtime) => ({ text: whereText(runtime) }), minWidth: 16, dropOrder: 1 },
  ];
}

export function whereText({ endpoint, command, program }: DetectedRuntime): string {
  return endpoint ?? command?.join(" ") ?? program ?? "-";
}

function choiceLine({ chosen, because }: DetectedChoice, { runtimes: { list } }: Catalogue): string {
  if (chosen === null || because === "none_found" || because === "none_usable") return list.usesNone;
  const name = [chosen.product, chosen.version].filter((part) => part !== null).join(" ");
  return list.uses(toSafeLine(name), list.because[because]);
}

function installLine({ runtime, reasons }: Recommendation, texts: Catalogue): string {
  const { list } = texts.runtimes;
  const because = reasons.map((reason) => toSafeLine(reasonText(texts.provision, reason))).join("; ");
  if (runtime === null) return list.installNone(because);
  return list.install(runtime === "openclaw" ? "OpenClaw" : "ZeroClaw", because);
}
