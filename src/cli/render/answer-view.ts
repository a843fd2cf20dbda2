import type { RouteEvent } from "../../client/index.ts";
import type { Decision } from "../../protocol/decision.ts";
import type { RouteAnswer } from "../../protocol/http/contract.ts";
import type { TaskInfo } from "../../protocol/task.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { renderDecision, waitingText } from "./decision.ts";
import { createLiveText } from "./live-text.ts";
import { createPaint } from "./paint.ts";
import { createProgress, type Progress } from "./progress.ts";
import { toSafeLine, toSafeText } from "./safe-text.ts";

/** Shows an answer: as it comes on a terminal, at its end elsewhere. */
export interface AnswerView {
  readonly onEvent: (event: RouteEvent) => void;
  readonly onNote: (text: string) => void;
  /** How the task is now; while it is queued, what it waits for is shown. */
  readonly onTask: (task: Pick<TaskInfo, "state" | "waiting_for">) => void;
  /** `decision`: for --explain. */
  readonly finish: (answer: RouteAnswer, decision: Decision | null) => void;
  /** Leaves the terminal clean when there is no answer. */
  readonly abandon: () => void;
}

interface AnswerViewOptions {
  /** Says what the message waits for also where no line can be shown and taken away again. */
  readonly tellsWaiting: boolean;
}

export function createAnswerView(context: CliContext, options: AnswerViewOptions): AnswerView {
  const isLive = context.stdout.isTerminal && !context.globals.json;
  const progress = createProgress(context.stderr, context.clock);
  const screen = createAnswerScreen(context, progress);
  const waiting = createWaitingLine(context, progress, options);
  /** The task was over when it was looked at: there is nothing to wait for. */
  let isEnded = false;
  const clear = () => {
    waiting.end();
    progress.clear();
  };
  progress.show((seconds) => context.texts.send.waiting(null, seconds));
  return {
    onEvent: (event) => {
      if (event.event !== "decision") {
        if (isLive) screen.onEvent(event);
        return;
      }
      const { decision, message_id } = event.data;
      if (isLive) screen.endLine();
      // The last decision of an ended task may be one to wait.
      if (isEnded && decision.outcome !== "assigned") return;
      if (decision.outcome !== "assigned") waiting.tell((nowMs) => waitingText(decision, nowMs));
      else if (isLive) {
        waiting.end();
        const [chosen] = decision.ranking;
        if (chosen !== undefined) screen.showRoute(message_id, chosen);
        if (!isEnded) progress.show((seconds) => context.texts.send.waiting(chosen?.name ?? null, seconds));
      }
    },
    onTask: ({ state, waiting_for }) => {
      if (state === "queued") waiting.tell(() => (waiting_for === null ? null : toSafeLine(waiting_for)));
      isEnded = state !== "queued" && state !== "running";
      if (isEnded) clear();
    },
    onNote: (text) => {
      progress.clear();
      screen.endLine();
      printNote(context, text);
      waiting.showAgain();
    },
    abandon: () => {
      clear();
      screen.endLine();
    },
    finish: (answer, decision) => {
      clear();
      if (isLive) screen.finish(answer, decision);
      else printAnswer(context, answer, decision);
    },
  };
}

/** The answer on a terminal, as it comes. */
function createAnswerScreen({ texts, stdout }: CliContext, progress: Progress) {
  const paint = createPaint(stdout);
  /** Text of the answer stands on the last line of the terminal. */
  let isInLine = false;
  let shownNodeId: string | null = null;
  const endLine = () => {
    if (isInLine) stdout.write("\n");
    isInLine = false;
  };
  const writeLive = (text: string) => {
    stdout.write(toSafeText(text));
    isInLine = true;
  };
  const live = createLiveText(writeLive, {
    onStart: () => {
      progress.clear();
      stdout.write(`${paint("bold", texts.send.response)} `);
    },
    onRestart: () => {
      endLine();
      stdout.write(`${paint("dim", `(${texts.send.restarted})`)}\n`);
    },
  });
  const showRoute = (messageId: string, node: { readonly node_id: string; readonly name: string }) => {
    if (shownNodeId === node.node_id) return;
    progress.clear();
    endLine();
    stdout.write(`${toSafeLine(texts.send.routed(messageId, node.node_id, node.name))}\n`);
    shownNodeId = node.node_id;
  };
  return {
    endLine,
    showRoute,
    onEvent: (event: Exclude<RouteEvent, { readonly event: "decision" }>) => {
      if (event.event === "result") progress.clear();
      else live.add(event.data);
    },
    finish: (answer: RouteAnswer, decision: Decision | null) => {
      showRoute(answer.message_id, { node_id: answer.node_id, name: answer.node_name });
      if (answer.response === "") stdout.write(`${texts.send.response}\n`);
      live.complete(answer.response);
      endLine();
      if (decision !== null) stdout.write(`\n${renderDecision(decision, texts, stdout)}`);
    },
  };
}

/** What the message waits for: a line that goes away, and a note of each new reason where there is no terminal. */
function createWaitingLine(context: CliContext, progress: Progress, { tellsWaiting }: AnswerViewOptions) {
  const { clock, texts } = context;
  const { tasks } = texts;
  let toldWaiting: string | null = null;
  let sinceMs: number | null = null;
  let show: () => void = () => {};
  return {
    /** `whatNow`: in words; null when nobody knows. */
    tell: (whatNow: (nowMs: number) => string | null) => {
      sinceMs ??= clock.monotonicMs();
      const startedMs = sinceMs;
      const waitedS = () => Math.floor((clock.monotonicMs() - startedMs) / 1000);
      show = () => progress.show(() => tasks.waiting(whatNow(clock.nowMs()) ?? tasks.aNode, waitedS()));
      show();
      const what = whatNow(clock.nowMs());
      if (!tellsWaiting || what === null || withoutDurations(what) === toldWaiting) return;
      toldWaiting = withoutDurations(what);
      if (!context.stderr.isTerminal) printNote(context, tasks.waitsNote(what));
    },
    /** Shows again what a note took away; nothing once the answer has begun. */
    showAgain: () => show(),
    end: () => {
      show = () => {};
      sinceMs = null;
    },
  };
}

/** That a node is away for longer now is no new reason. */
function withoutDurations(text: string): string {
  return text.replace(/\bfor \d+ (?:s|min|h|d)\b/g, "");
}

function printAnswer(context: CliContext, answer: RouteAnswer, decision: Decision | null): void {
  const { texts, stdout } = context;
  printResult(context, decision === null ? answer : { ...answer, decision }, () =>
    [
      ...(decision === null ? [] : [renderDecision(decision, texts, stdout)]),
      toSafeLine(texts.send.routed(answer.message_id, answer.node_id, answer.node_name)),
      `${texts.send.response} ${toSafeText(answer.response)}`,
    ].join("\n"),
  );
}
