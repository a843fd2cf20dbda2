import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { pinFolder, pins } from "../support/pins.ts";

describe("what others rely on", () => {
  for (const [name, create] of Object.entries(pins)) {
    test(`is as pinned in test/pins/${name} (meant to change? bun scripts/pin.ts update)`, async () => {
      expect(await create()).toBe(await Bun.file(join(pinFolder, name)).text());
    });
  }
});
