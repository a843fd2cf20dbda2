import { expect, test } from "bun:test";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../../platform/clock.ts";
import { createFetch } from "../../platform/http-fetch.ts";
import { findPlaces } from "./openclaw-places.ts";

test("the key of the provider goes where OpenClaw itself keeps its state", async () => {
  await using directory = await createTempDir();
  const home = directory.path;
  const placesOf = async (env: Record<string, string>) => {
    const deps = { env, home, dataDir: join(home, "data"), clock: systemClock, fetch: createFetch({ env }) };
    return (await findPlaces(deps)).envPath;
  };
  expect(await placesOf({})).toBe(join(home, ".openclaw", ".env"));
  expect(await placesOf({ OPENCLAW_PROFILE: "work" })).toBe(join(home, ".openclaw-work", ".env"));
  expect(await placesOf({ OPENCLAW_STATE_DIR: "~/claw" })).toBe(join(home, "claw", ".env"));
});
