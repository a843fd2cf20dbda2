import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/platform/clock.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { createSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { createTempDir } from "../support/temp-dir.ts";
import { storeContract } from "./store.ts";

const writer = import.meta.resolve("../support/store/write-until-killed.ts");

storeContract("SQLite", {
  createPlace: async () => {
    const directory = await createTempDir();
    const file = join(directory.path, "mesh.db");
    return {
      open: () => createSqliteStore({ file, clock: systemClock, ids: systemIds }),
      writerCommand: [process.execPath, fileURLToPath(writer), file],
      remove: async () => {
        await directory[Symbol.asyncDispose]();
      },
    };
  },
});
