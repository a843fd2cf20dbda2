import { join } from "node:path";
import { toOpenApi } from "../../src/protocol/http/openapi.ts";
import { dumpCliHelp } from "./cli-help.ts";
import { dumpSchema } from "./store/dump-schema.ts";

const root = join(import.meta.dir, "..", "..");

/** Names that `index.ts` of a public entry exports, types too. */
async function loadExports(entry: string): Promise<readonly string[]> {
  const text = await Bun.file(join(root, entry)).text();
  const lists = [...text.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}/g)].flatMap(([, list = ""]) =>
    list.split(","),
  );
  return lists
    .map((name) =>
      name
        .replace(/^\s*type\s+/, "")
        .replace(/^.*\sas\s/, "")
        .trim(),
    )
    .filter((name) => name !== "")
    .sort();
}

function toText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** File under `test/pins/` to what it would be if it were written now. */
export const pins: Readonly<Record<string, () => Promise<string>>> = {
  // The version is not pinned: a release alone changes nothing in the API.
  "openapi.json": async () => toText(toOpenApi({ version: "0.0.0" })),
  "exports.json": async () =>
    toText({
      "claw-mesh/protocol": await loadExports("src/protocol/index.ts"),
      "claw-mesh/client": await loadExports("src/client/index.ts"),
    }),
  "schema.sql": dumpSchema,
  "cli-help.txt": dumpCliHelp,
};

export const pinFolder = join(root, "test", "pins");
