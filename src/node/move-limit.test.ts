import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { silentLog } from "../platform/log.ts";
import { createMoveLimit, maxMoves, moveIntervalMs } from "./move-limit.ts";

async function start() {
  const clock = createManualClock();
  const limit = createMoveLimit({ clock, log: silentLog });
  let moved = 0;
  const move = () => limit.wait().then(() => (moved += 1));
  for (let done = 0; done < maxMoves; done += 1) await move();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, limit, move, settle, moved: () => moved };
}

describe("moves to other meshes", () => {
  test("wait when there were too many, and go on later", async () => {
    const { clock, move, settle, moved } = await start();
    const next = move();
    await settle();
    expect(moved()).toBe(maxMoves);
    clock.advance(moveIntervalMs);
    await next;
    expect(moved()).toBe(maxMoves + 1);
  });

  test("do not keep an agent from ending", async () => {
    const { limit, move, settle, moved } = await start();
    const next = move();
    await settle();
    limit.letGo();
    await next;
    await move();
    expect(moved()).toBe(maxMoves + 2);
  });
});
