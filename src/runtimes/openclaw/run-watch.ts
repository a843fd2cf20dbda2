import { exceedsBytes } from "../../platform/text-size.ts";
import type { RunControl } from "../runtime.ts";
import { matchText } from "../text-change.ts";
import type { GatewayConnection } from "./connection.ts";
import type { RunObservations } from "./failure-map.ts";
import { type AgentEvent, AssistantData, LifecycleData } from "./gateway-schemas.ts";
import { nextEvidence, noEvidence, provesNoEffect } from "./run-evidence.ts";
import { nextText, noText, type TextSoFar } from "./text-stream.ts";

/** Follows the events of one run: passes its text on, and notices what the final answer does not tell. */
export interface RunWatch {
  /** Follow another run id from now on: the gateway began the run again. */
  readonly follow: (runId: string) => void;
  readonly observations: () => RunObservations;
  /** Makes what was passed on equal to the answer. */
  readonly complete: (answer: string) => void;
  /** Something was seen of the run: the gateway has it. */
  readonly hasSeenEvents: () => boolean;
  readonly end: () => void;
}

interface WatchParts {
  readonly connection: GatewayConnection;
  readonly control: RunControl;
  readonly maxAnswerBytes: number;
  readonly onTooLarge: () => void;
}

export function watchRun(parts: WatchParts, firstRunId: string): RunWatch {
  const { connection, control } = parts;
  const gapsBefore = connection.gapCount();
  let text: TextSoFar = noText;
  let failoverReason: string | null = null;
  let evidence = noEvidence;
  let hasSeenEvents = false;
  let hasEnded = false;
  let unsubscribe = () => {};

  const takeText = (data: Readonly<Record<string, unknown>>) => {
    const assistant = AssistantData.safeParse(data);
    if (!assistant.success) return;
    const step = nextText(text, assistant.data);
    text = step.soFar;
    if (exceedsBytes(text.text, parts.maxAnswerBytes)) return parts.onTooLarge();
    if (step.chunk !== null) control.onChunk(step.chunk);
  };

  const takeEvent = (event: AgentEvent) => {
    if (hasEnded) return;
    const { stream, data } = event;
    hasSeenEvents = true;
    evidence = nextEvidence(evidence, event);
    if (stream === "assistant") return takeText(data);
    if (stream !== "lifecycle") return;
    const lifecycle = LifecycleData.safeParse(data);
    if (!lifecycle.success || lifecycle.data.phase !== "error") return;
    failoverReason = lifecycle.data.errorObservation?.failoverReason ?? null;
  };

  const follow = (runId: string) => {
    unsubscribe();
    unsubscribe = connection.onRunEvent(runId, takeEvent);
  };
  follow(firstRunId);

  return {
    follow,
    observations: () => ({
      failoverReason,
      hadNoEffect: provesNoEffect(evidence) && connection.gapCount() === gapsBefore,
    }),
    complete: (answer) => {
      if (hasEnded) return;
      const chunk = matchText(text.text, answer);
      text = { ...text, text: answer };
      if (chunk !== null) control.onChunk(chunk);
    },
    hasSeenEvents: () => hasSeenEvents,
    end: () => {
      hasEnded = true;
      unsubscribe();
    },
  };
}
