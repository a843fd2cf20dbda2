import { currentAttempt, isTerminal } from "../../domain/tasks/task-machine.ts";
import type { Decision } from "../../protocol/decision.ts";
import type { ServerSentEvent } from "../http/event-stream.ts";
import { viewDecision } from "./decision-view.ts";
import type { LiveTask } from "./live-task.ts";

/** Tells one reader the decisions of a task: for every attempt, and for every new reason to wait, each once. */
export interface DecisionEvents {
  /** The decision that the reader does not know yet, or nothing. */
  readonly take: () => readonly ServerSentEvent[];
}

export interface DecisionReader {
  /** The newest attempt of which he knows; 0: none. */
  readonly toldAttempt: number;
  /** He has the scope `read`. */
  readonly seesAll: boolean;
}

export function createDecisionEvents(
  live: LiveTask,
  { toldAttempt, seesAll }: DecisionReader,
): DecisionEvents {
  let told = toldAttempt;
  let toldWait: string | null = null;
  let seenWait: Decision | null = null;

  /** Between two attempts the decision is still that of the first: it says nothing about the wait. */
  function isWaitTold(decision: Decision): boolean {
    if (decision === seenWait) return toldWait !== null || told > 0;
    seenWait = decision;
    if (decision.outcome === "assigned" && (toldWait !== null || told > 0)) return true;
    return waitOf(decision) === toldWait;
  }

  return {
    take: () => {
      const { task } = live;
      const { decision } = task;
      if (decision === null) return [];
      const attempt = (isTerminal(task.state) ? task.attempts.at(-1) : currentAttempt(task))?.number ?? 0;
      if (attempt === 0 ? isWaitTold(decision) : attempt <= told) return [];
      if (attempt === 0) toldWait = waitOf(decision);
      else [told, toldWait, seenWait] = [attempt, null, null];
      const shown = viewDecision(decision, { message: task.message, seesAll });
      return [{ event: "decision", data: { message_id: live.id, attempt, decision: shown } }];
    },
  };
}

/** What a message waits for, to be compared; the time of the decision does not matter. */
function waitOf({ outcome, unblock }: Decision): string {
  return JSON.stringify([outcome, unblock]);
}
