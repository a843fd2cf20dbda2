import { expect, test } from "bun:test";
import { join } from "node:path";
import { createTempDir } from "../support/temp-dir.ts";

const root = join(import.meta.dir, "..", "..");

test.each(["throw", "rejection"])(
  "a %s that nothing catches ends the process with 1 and one line that holds no token",
  async (kind) => {
    await using dir = await createTempDir();
    const child = Bun.spawn(
      [
        process.execPath,
        ...["--preload", join(root, "test/support/escaped-fault.ts")],
        join(root, "src/main.ts"),
        ...["up", "--no-local", "--port", "0", "--data-dir", dir.path],
      ],
      {
        cwd: dir.path,
        env: { HOME: dir.path, CLAW_MESH_TOKEN: "very-secret-token", TEST_FAULT: kind },
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    const [stderr, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
    expect(exitCode).toBe(1);
    const lines = stderr.split("\n").filter((line) => line.includes("INTERNAL"));
    expect(lines).toEqual([
      expect.stringMatching(/^claw-mesh ended by a fault .* TypeError: boom with \*\*\* at /),
    ]);
    expect(stderr).not.toContain("very-secret-token");
    expect(stderr).not.toMatch(/^\s+at /m);
  },
);
