import { type AgentEvent, LifecycleData } from "./gateway-schemas.ts";

/** What the events of a run prove about its effects so far. */
export interface RunEvidence {
  /** Number of the last event; the gateway counts those of one run from 1, also the ones that it withholds. */
  readonly lastSeq: number;
  /** No number was left out since the first. */
  readonly isGapless: boolean;
  readonly hasUsedTools: boolean;
  /** The current try is OpenClaw's own agent loop, which tells of every tool; programs that it runs instead do not. */
  readonly tellsOfTools: boolean;
  /** A former try was by something that does not tell of its tools. */
  readonly hadSilentTry: boolean;
}

export const noEvidence: RunEvidence = {
  lastSeq: 0,
  isGapless: true,
  hasUsedTools: false,
  tellsOfTools: false,
  hadSilentTry: false,
};

/** Streams of events that show a tool at work, and kinds of items that do not. */
const toolStreams: ReadonlySet<string> = new Set(["tool", "command_output", "item"]);
const harmlessItems: ReadonlySet<unknown> = new Set(["preamble"]);

export function nextEvidence(evidence: RunEvidence, event: AgentEvent): RunEvidence {
  const { seq, stream, data } = event;
  const counted: RunEvidence = {
    ...evidence,
    lastSeq: seq ?? evidence.lastSeq,
    isGapless: evidence.isGapless && seq === evidence.lastSeq + 1,
    hasUsedTools: evidence.hasUsedTools || (toolStreams.has(stream) && !harmlessItems.has(data.kind)),
  };
  const lifecycle = stream === "lifecycle" ? LifecycleData.safeParse(data).data : undefined;
  if (lifecycle?.phase === "start") {
    const hadSilentTry = counted.hadSilentTry || (evidence.lastSeq > 0 && !counted.tellsOfTools);
    return { ...counted, tellsOfTools: false, hadSilentTry };
  }
  // Only the agent loop names the model that it is about to ask; the end of a run names none.
  if (lifecycle?.phase === "model" && typeof lifecycle.provider === "string")
    return { ...counted, tellsOfTools: true };
  return counted;
}

/** Whether the run surely did nothing but ask a model: every event of it was seen, and none was of a tool. */
export function provesNoEffect(evidence: RunEvidence): boolean {
  const { isGapless, hasUsedTools, tellsOfTools, hadSilentTry } = evidence;
  return isGapless && tellsOfTools && !hasUsedTools && !hadSilentTry;
}
