import { expect, test } from "bun:test";
import { createTurns } from "./turns.ts";

test("starts a change when the one before it is over", async () => {
  const { inTurn, over } = createTurns();
  const first = Promise.withResolvers<void>();
  const seen: string[] = [];
  void inTurn(async () => {
    await first.promise;
    seen.push("first");
  });
  void inTurn(async () => {
    seen.push("second");
  });
  await Bun.sleep(0);
  expect(seen).toEqual([]);
  first.resolve();
  await over();
  expect(seen).toEqual(["first", "second"]);
});

test("gives a failure to whoever asked, and goes on with the next", async () => {
  const { inTurn } = createTurns();
  const failing = inTurn(async () => {
    throw new Error("disk full");
  });
  const next = inTurn(async () => "done");
  await expect(failing).rejects.toThrow("disk full");
  expect(await next).toBe("done");
});
