import { expect, test } from "bun:test";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../../platform/clock.ts";
import { createFetch } from "../../platform/http-fetch.ts";
import { setUpOpenclaw } from "./openclaw-setup.ts";

test("a new configuration that OpenClaw refuses does not stay", async () => {
  await using directory = await createTempDir();
  const home = directory.path;
  const path = join(home, "openclaw");
  const issue = '{"valid":false,"issues":[{"path":"gateway","message":"is too new"}]}';
  await writeFile(path, `#!/bin/sh\necho '${issue}'\nexit 1\n`);
  await chmod(path, 0o755);
  const env = { PATH: "/usr/bin:/bin", HOME: home };
  const deps = { env, home, dataDir: join(home, "data"), clock: systemClock, fetch: createFetch({ env }) };
  const program = { kind: "openclaw", version: null, command: [path], env: {} } as const;
  await expect(setUpOpenclaw(program, null, deps)).rejects.toThrow("gateway: is too new");
  expect(await Bun.file(join(home, ".openclaw", "openclaw.json")).exists()).toBe(false);
});
