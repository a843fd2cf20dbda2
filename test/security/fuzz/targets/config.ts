import { join } from "node:path";
import fc from "fast-check";
import { loadConfig } from "../../../../src/config/load-config.ts";
import { Config } from "../../../../src/config/schema.ts";
import { MeshError } from "../../../../src/protocol/errors.ts";
import { createTempDir } from "../../../support/temp-dir.ts";
import { fromSchema } from "../from-schema.ts";
import { hostileText } from "../hostile-values.ts";
import { asTarget, type FuzzTarget } from "../target.ts";

const yamlPiece = fc.constantFrom(
  ...[
    "coordinator:",
    "  port: ",
    "  host: ",
    "node:",
    "  tags: [",
    "rules:",
    "- match: ",
    "&a ",
    "*a",
    "<<: *a",
    "!!js/function ",
    "!!binary ",
  ],
  ...[
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "|\n",
    ">-\n",
    "\t",
    "{",
    "}",
    "]",
    "#",
    '"',
    "'",
    "0x1F",
    "0o17",
    ".inf",
    "~",
    "2026-01-01",
    "\n",
    "    ",
  ],
);

/** Each level names the level before ten times. */
const bombs = fc
  .integer({ min: 2, max: 12 })
  .map((levels) =>
    Array.from(
      { length: levels },
      (_, at) =>
        `a${at}: &a${at} [${at === 0 ? "x" : Array.from({ length: 10 }, () => `*a${at - 1}`).join(", ")}]`,
    ).join("\n"),
  );

/** Of this process's own time. */
const maxMs = 3_000;

/** Configuration files: loaded, or refused with CONFIG_INVALID, and soon. */
export async function startConfig(): Promise<FuzzTarget> {
  const dir = await createTempDir();
  const configPath = join(dir.path, "claw-mesh.yaml");
  return asTarget({
    inputs: fc.oneof(
      { weight: 6, arbitrary: fromSchema(Config, { oddOneIn: 200 }).map((value) => JSON.stringify(value)) },
      {
        weight: 4,
        arbitrary: fc
          .array(fc.oneof(yamlPiece, yamlPiece, hostileText), { maxLength: 14 })
          .map((parts) => parts.join("")),
      },
      { weight: 1, arbitrary: bombs },
    ),
    feed: async (text) => {
      await Bun.write(configPath, text);
      const before = process.cpuUsage();
      try {
        await loadConfig({
          flags: [],
          env: {},
          cwd: dir.path,
          home: dir.path,
          configPath,
          systemDir: dir.path,
        });
      } catch (error) {
        if (!(error instanceof MeshError) || error.code !== "CONFIG_INVALID") throw error;
      }
      const used = process.cpuUsage(before);
      const tookMs = (used.user + used.system) / 1000;
      if (tookMs > maxMs) throw new Error(`${text.length} characters took ${Math.round(tookMs)} ms`);
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  });
}
