import type { RouteEvent } from "../../client/index.ts";
import type { Decision } from "../../protocol/decision.ts";
import type { RouteAnswer } from "../../protocol/http/contract.ts";
import type { TaskInfo } from "../../protocol/task.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { renderDecision, waitingText } from "./decision.ts";
import { createPaint } from "./paint.ts";
import { createProgress } from "./progress.ts";
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
  const { texts, stdout } = context;
  const isLive = stdout.isTerminal && !context.globals.json;
  const paint = createPaint(stdout);
  const progress = createProgress(context.stderr, context.clock);
  /** Text of the answer stands on the last line of the terminal. */
  let isInLine = false;
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
  let shownNodeId: string | null = null;

  const showRoute = (messageId: string, nodeId: string) => {
    if (shownNodeId === nodeId) return;
    progress.clear();
    endLine();
    stdout.write(`${texts.send.routed(messageId, nodeId)}\n`);
    shownNodeId = nodeId;
  };
  let toldWaiting: string | null = null;
  /** Shows again what a note took away; nothing once the answer has begun. */
  let showWaiting: () => void = () => {};
  const tellWaiting = (what: string | null) => {
    showWaiting = () => progress.show((seconds) => texts.tasks.waiting(what ?? texts.tasks.aNode, seconds));
    showWaiting();
    if (!options.tellsWaiting || what === null || what === toldWaiting) return;
    toldWaiting = what;
    if (!context.stderr.isTerminal) printNote(context, texts.tasks.waitsNote(what));
  };
  const showDecision = (messageId: string, decision: Decision) => {
    const chosen = decision.ranking[0];
    endLine();
    if (decision.outcome !== "assigned") {
      tellWaiting(waitingText(decision, texts));
      return;
    }
    showWaiting = () => {};
    if (chosen !== undefined) showRoute(messageId, chosen.node_id);
    progress.show((seconds) => texts.send.waiting(chosen?.name ?? null, seconds));
  };
  const onLiveEvent = (event: RouteEvent) => {
    switch (event.event) {
      case "decision":
        showDecision(event.data.message_id, event.data.decision);
        return;
      case "snapshot":
      case "chunk":
        live.add(event.data);
        return;
      case "result":
        progress.clear();
        return;
    }
  };
  progress.show((seconds) => texts.send.waiting(null, seconds));
  return {
    onEvent: (event) => {
      if (isLive) onLiveEvent(event);
      else if (event.event === "decision" && event.data.decision.outcome !== "assigned") {
        tellWaiting(waitingText(event.data.decision, texts));
      }
    },
    onTask: ({ state, waiting_for }) => {
      if (state === "queued") tellWaiting(waiting_for === null ? null : toSafeLine(waiting_for));
    },
    onNote: (text) => {
      progress.clear();
      endLine();
      printNote(context, text);
      showWaiting();
    },
    abandon: () => {
      showWaiting = () => {};
      progress.clear();
      endLine();
    },
    finish: (answer, decision) => {
      showWaiting = () => {};
      progress.clear();
      if (isLive) {
        showRoute(answer.message_id, answer.node_id);
        if (answer.response === "") stdout.write(`${texts.send.response}\n`);
        live.complete(answer.response);
        endLine();
        if (decision !== null) stdout.write(`\n${renderDecision(decision, texts, stdout)}`);
        return;
      }
      printResult(context, decision === null ? answer : { ...answer, decision }, () =>
        [
          ...(decision === null ? [] : [renderDecision(decision, texts, stdout)]),
          toSafeLine(texts.send.routed(answer.message_id, answer.node_id)),
          `${texts.send.response} ${toSafeText(answer.response)}`,
        ].join("\n"),
      );
    },
  };
}

/**
 * Puts snapshots and chunks together and writes each part once. A lower offset, another attempt or another text than
 * the one written starts the text again.
 */
export function createLiveText(
  write: (text: string) => void,
  hooks: { readonly onStart: () => void; readonly onRestart: () => void },
) {
  let written = "";
  let base = 0;
  let attempt = 0;
  const replace = (text: string) => {
    if (written === "" || text.startsWith(written)) {
      if (written === "" && text !== "") hooks.onStart();
      write(text.slice(written.length));
    } else {
      hooks.onRestart();
      hooks.onStart();
      write(text);
    }
    written = text;
  };
  return {
    add: (part: { readonly attempt: number; readonly offset: number; readonly text: string }) => {
      const keep = part.attempt === attempt ? part.offset - base : -1;
      attempt = part.attempt;
      if (keep >= 0 && keep <= written.length) {
        replace(written.slice(0, keep) + part.text);
      } else {
        base = part.offset;
        replace(part.text);
      }
    },
    /** The whole answer, as the result has it. */
    complete: (text: string) => {
      if (base > 0 && text.endsWith(written)) return;
      replace(text);
    },
  };
}
