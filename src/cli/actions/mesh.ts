import { contract } from "../../protocol/http/contract.ts";
import { defaultDrainDeadlineS } from "../../protocol/node.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printResult } from "../print.ts";
import { countByStatus, renderNodes } from "../render/nodes.ts";
import { toSafeLine } from "../render/safe-text.ts";

export async function showStatus(this: CliContext): Promise<void> {
  const { client, url } = await connect(this);
  const nodes = await client.listNodes({ signal: this.interrupt });
  const counts = { total: nodes.length, ...countByStatus(nodes) };
  printResult(this, { mesh: url, counts, nodes }, () =>
    [
      this.texts.nodes.mesh(url),
      this.texts.nodes.counts(counts.total, counts.online, counts.busy, counts.offline),
      "",
      renderNodes(nodes, nodeTable(this)),
    ].join("\n"),
  );
}

export async function listNodes(this: CliContext): Promise<void> {
  const { client } = await connect(this);
  const nodes = await client.listNodes({ signal: this.interrupt });
  printResult(this, nodes, () => renderNodes(nodes, nodeTable(this)));
}

function nodeTable({ texts, stdout: output, clock }: CliContext) {
  return { texts, output, nowMs: clock.nowMs() };
}

/** The action that gives a node this scheduling. */
function schedule(scheduling: "active" | "cordoned") {
  return async function (this: CliContext, _flags: object, id: string): Promise<void> {
    const { client } = await connect(this);
    const node = await client.call(contract.patchNode, { params: { id }, body: { scheduling } });
    const name = toSafeLine(node.name);
    const texts = this.texts.node;
    printResult(this, node, () => (scheduling === "active" ? texts.uncordoned(name) : texts.cordoned(name)));
  };
}

export interface DrainFlags {
  /** Seconds. */
  readonly deadline?: number;
}

export async function drainNode(this: CliContext, flags: DrainFlags, id: string): Promise<void> {
  const { client } = await connect(this);
  const deadlineS = flags.deadline ?? defaultDrainDeadlineS;
  const body = { scheduling: "draining", deadline_s: deadlineS } as const;
  const node = await client.call(contract.patchNode, { params: { id }, body });
  const name = toSafeLine(node.name);
  printResult(this, node, () => this.texts.node.draining(name, node.in_flight, deadlineS));
}

export const cordonNode = schedule("cordoned");
export const uncordonNode = schedule("active");

export async function removeNode(this: CliContext, _flags: object, id: string): Promise<void> {
  const { client } = await connect(this);
  await client.call(contract.removeNode, { params: { id } });
  printResult(this, { removed: id }, () => this.texts.node.removed(toSafeLine(id)));
}
