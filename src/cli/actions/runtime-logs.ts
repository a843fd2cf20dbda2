import { delay } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { CliContext } from "../context.ts";
import { loadGatewayCommand } from "../gateway-runtime.ts";
import { toSafeText } from "../render/safe-text.ts";

export interface RuntimeLogsFlags {
  readonly follow?: boolean;
  readonly lines?: number;
}

const defaultLines = 50;
const maxLines = 10_000;

const followLookMs = 300;

export async function showRuntimeLogs(
  this: CliContext,
  flags: RuntimeLogsFlags,
  runtime: string,
): Promise<void> {
  const { logs } = this.texts.runtimes;
  const lines = flags.lines ?? defaultLines;
  if (lines > maxLines) throw new MeshError("USAGE", logs.tooMany(maxLines));
  if (flags.follow === true && this.globals.json) throw new MeshError("USAGE", logs.followAsJson);
  const { kind, deps } = await loadGatewayCommand(this, runtime);
  const { followLog, readGatewayState, readLogTail } = await import("../../provision/index.ts");
  const { logFile } = await readGatewayState(kind, deps);
  const show = (text: readonly string[]) => {
    if (text.length > 0) this.stdout.write(`${toSafeText(text.join("\n"))}\n`);
  };
  if (flags.follow === true) {
    const reader = await followLog(logFile, lines);
    while (!this.interrupt.aborted) {
      show(await reader.next());
      await delay(this.clock, followLookMs, this.interrupt);
    }
    return;
  }
  const tail = await readLogTail(logFile, lines);
  if (this.globals.json) {
    this.stdout.write(
      `${JSON.stringify({ runtime: kind, file: logFile, lines: tail.map(toSafeText) }, null, 2)}\n`,
    );
    return;
  }
  if (tail.length === 0)
    throw new MeshError("RUNTIME_NOT_RUNNING", logs.none(kind), { hint: logs.noneHint(kind) });
  show(tail);
}
