import type { CliContext } from "./context.ts";
import { toSafeText } from "./render/safe-text.ts";

/** Asks a question on the terminal; everything but a yes means no. An interrupt is thrown as its reason. */
export async function confirm(context: CliContext, question: string): Promise<boolean> {
  const { stdin, stderr, interrupt, texts } = context;
  stderr.write(`${toSafeText(question)} ${texts.tasks.askSuffix}`);
  const answer = await stdin.readLine(interrupt);
  return texts.tasks.yesWords.includes((answer ?? "").trim().toLowerCase());
}
