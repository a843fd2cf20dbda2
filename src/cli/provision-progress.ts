import type { OnProvisionProgress, ProvisionProgress } from "../provision/index.ts";
import type { CliContext } from "./context.ts";
import { printNote } from "./print.ts";
import { sizeText, stepName, stepText } from "./provision-text.ts";
import { createProgress } from "./render/progress.ts";

const barWidth = 24;

/** Tells each step as a line, and on a terminal how far the one is that goes on. */
export interface ProvisionView {
  readonly onProgress: OnProvisionProgress;
  /** A line between the steps. */
  readonly note: (text: string) => void;
  /** Takes the line of what goes on away. */
  readonly clear: () => void;
}

export function createProvisionView(context: CliContext): ProvisionView {
  const texts = context.texts.provision;
  const line = createProgress(context.stderr, context.clock);
  const isQuiet = context.globals.json;
  let moving: Extract<ProvisionProgress, { state: "moving" }> | null = null;
  const note = (text: string) => {
    line.clear();
    printNote(context, text);
  };
  return {
    note,
    clear: line.clear,
    onProgress: (progress) => {
      if (isQuiet) return;
      const { step } = progress;
      if (progress.state === "moving") {
        moving = progress;
        return;
      }
      moving = null;
      line.clear();
      if (progress.state === "done") return;
      const text = stepText(texts, step);
      note(progress.state === "skipped" ? texts.step.skipped(text, progress.why) : text);
      if (progress.state === "started")
        line.show((seconds) =>
          moving === null ? texts.step.seconds(stepName(texts, step), seconds) : movingText(moving),
        );
    },
  };

  function movingText({
    step,
    doneBytes,
    totalBytes,
  }: Extract<ProvisionProgress, { state: "moving" }>): string {
    const name = stepName(texts, step);
    if (totalBytes === null || totalBytes === 0) return texts.step.bytes(name, sizeText(doneBytes));
    const share = Math.min(1, doneBytes / totalBytes);
    const filled = Math.round(share * barWidth);
    const bar = `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`;
    return texts.step.percent(name, bar, Math.floor(share * 100), sizeText(totalBytes));
  }
}
