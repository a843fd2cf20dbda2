import fc from "fast-check";
import { type Clock, systemClock } from "../../../../src/platform/clock.ts";
import { type Log, silentLog } from "../../../../src/platform/log.ts";
import { CoordinatorFrame } from "../../../../src/protocol/link/v1/frames.ts";
import { createEchoRuntime } from "../../../../src/runtimes/echo/index.ts";
import { makeDataDir, startTestAgent } from "../../../support/test-agent.ts";
import { fromSchema, putIds } from "../from-schema.ts";
import { startHostileCoordinator } from "../hostile-coordinator.ts";
import { hostileText, hostileValue } from "../hostile-values.ts";
import { asTarget, type FuzzTarget } from "../target.ts";

interface CoordinatorInput {
  /** In place of the welcome, or after it. */
  readonly isFirst: boolean;
  readonly messages: readonly unknown[];
}

/** Without jitter the pauses between two dials are exactly these; they take no time here. */
const backoffsMs: ReadonlySet<number> = new Set(Array.from({ length: 12 }, (_, step) => 125 * 2 ** step));
const hurriedClock: Clock = {
  ...systemClock,
  after: (delayMs, callback, options) =>
    systemClock.after(backoffsMs.has(delayMs) ? 1 : delayMs, callback, options),
};

/** Frames of a hostile coordinator against a whole node agent: it logs no fault, and is there for the next coordinator. */
export async function startLinkNode(): Promise<FuzzTarget> {
  const faults: string[] = [];
  const log: Log = {
    ...silentLog,
    // How an agent ends by its coordinator's word has a code; a fault has none.
    error: (message, facts) => {
      if (facts?.code === undefined || facts.code === "INTERNAL")
        faults.push(`${message} ${Bun.inspect(facts ?? {}, { depth: 4 })}`);
    },
    child: () => log,
  };
  const coordinator = startHostileCoordinator();
  const dir = await makeDataDir();
  const start = () =>
    startTestAgent({
      coordinatorUrl: coordinator.url,
      dataDir: dir.path,
      log,
      clock: hurriedClock,
      random: { next: () => 0 },
      runtimes: [createEchoRuntime({ clock: systemClock, delayMs: 0 })],
    });
  let agent = await start();
  /** A drained node leaves; a new agent takes its place. */
  const relink = async () => {
    const isOver = await Promise.race([agent.done.then(() => true), coordinator.linked().then(() => false)]);
    if (!isOver) return;
    agent = await start();
    await coordinator.linked();
  };
  return asTarget<CoordinatorInput>({
    inputs: fc.record({
      isFirst: fc.boolean(),
      messages: fc.array(
        fc.oneof(
          {
            weight: 8,
            arbitrary: fc.array(fromSchema(CoordinatorFrame), {
              minLength: 1,
              maxLength: 3,
            }),
          },
          { weight: 1, arbitrary: hostileValue },
          { weight: 1, arbitrary: hostileText.map((raw) => ({ raw })) },
        ),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    feed: async ({ isFirst, messages }) => {
      await relink();
      await coordinator.say(messages.map(toText), isFirst);
      await relink();
      if (faults.length > 0) throw new Error(`logged as an error: ${faults.splice(0).join("\n")}`);
    },
    [Symbol.asyncDispose]: async () => {
      await agent.stop();
      await coordinator.stop();
      await dir.stop();
    },
  });
}

function toText(message: unknown): string {
  const isRaw = typeof message === "object" && message !== null && "raw" in message;
  return isRaw ? String(message.raw) : JSON.stringify(putIds(message, []));
}
