import type { Catalogue } from "../../locale/index.ts";
import type { Output } from "../../platform/terminal.ts";
import type { Decision } from "../../protocol/decision.ts";
import { printRequirements } from "../../protocol/requirement-text.ts";
import { unblockText } from "../../protocol/unblock-text.ts";
import { createPaint } from "./paint.ts";
import { toSafeLine } from "./safe-text.ts";

/** The decision as a short block: what was decided, why, who was refused, and what would help. */
export function renderDecision(decision: Decision, texts: Catalogue, output: Output): string {
  const paint = createPaint(output);
  const words = texts.decision;
  const rows: (readonly [label: string, lines: readonly string[]])[] = [
    [words.label, decision.untrusted === true ? [words.untrusted] : []],
    [words.target, decision.target === null ? [] : [decision.target]],
    [words.rule, ruleLines(decision, texts)],
    [words.strategy, hasStrategy(decision) ? [decision.strategy] : []],
    [words.session, sessionLines(decision, texts)],
    [words.declared, [printRequirements(decision.declared)].filter((text) => text !== "")],
    [words.inferred, decision.inferred.map(({ need, because }) => words.because(need, because))],
    [words.ranking, decision.ranking.map((node, index) => `${index + 1}. ${node.name}: ${node.why}`)],
    [words.refused, refusedLines(decision, texts)],
    [words.unblock, unblockLines(decision, texts)],
  ];
  const shown = rows.filter(([, lines]) => lines.length > 0);
  const width = Math.max(...shown.map(([label]) => Bun.stringWidth(label)));
  const body = shown.flatMap(([label, lines]) =>
    lines.map((line, index) => {
      const head = index === 0 ? label : "";
      const padding = " ".repeat(width - Bun.stringWidth(head));
      return `  ${paint("dim", head)}${padding} ${toSafeLine(line)}`;
    }),
  );
  return `${[paint("bold", toSafeLine(outcomeLine(decision, texts))), ...body].join("\n")}\n`;
}

/** What a message waits for, in one line, as the API words it; null when the decision names nothing. */
export function waitingText(decision: Decision, nowMs: number): string | null {
  const text = unblockText(decision, nowMs);
  return text === null ? null : toSafeLine(text);
}

function outcomeLine(decision: Decision, texts: Catalogue): string {
  const { outcomes } = texts.decision;
  switch (decision.outcome) {
    case "assigned":
      return outcomes.assigned(decision.ranking[0]?.name ?? "?");
    case "waiting":
      return outcomes.waiting;
    case "unroutable":
      return outcomes.unroutable;
    case "refused":
      return outcomes.refused;
  }
}

function hasStrategy({ outcome }: Decision): boolean {
  return outcome === "assigned" || outcome === "waiting";
}

/** The rule that led it there, behind those that applied too and led nowhere. */
function ruleLines({ rule, passed_over }: Decision, texts: Catalogue): readonly string[] {
  const { allNodes, noRule, passedOver, ruleText } = texts.decision;
  const passed = passed_over.map(({ position, text }) => passedOver(position, text));
  if (rule !== null) return [...passed, ruleText(rule.position, rule.text, rule.target)];
  return passed.length === 0 ? [noRule] : [...passed, allNodes];
}

function sessionLines({ session }: Decision, texts: Catalogue): readonly string[] {
  return session === null ? [] : [`${session.name}: ${texts.decision.bindings[session.binding]}`];
}

function refusedLines({ refused }: Decision, texts: Catalogue): readonly string[] {
  const { reasons, more } = texts.decision;
  const lines = refused.named.map(
    (node) => `${node.name}: ${reasons[node.reason]}${node.detail === undefined ? "" : ` (${node.detail})`}`,
  );
  const total = Object.values(refused.counts).reduce((sum, count) => sum + count, 0);
  return total > lines.length ? [...lines, more(total - lines.length)] : lines;
}

function unblockLines({ unblock }: Decision, texts: Catalogue): readonly string[] {
  const { reasons, unblockNodes } = texts.decision;
  return unblock.map(({ needs, nodes }) => {
    const who = nodes.map(
      (node) =>
        `${node.name} (${reasons[node.reason]}${node.since === undefined ? "" : ` since ${node.since}`})`,
    );
    return who.length === 0 ? needs : unblockNodes(needs, who.join(", "));
  });
}
