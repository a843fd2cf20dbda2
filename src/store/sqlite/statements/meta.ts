import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { MeshId } from "../../../protocol/ids.ts";
import { parseRow } from "../row.ts";

const MetaRow = z.object({ value: MeshId });

/** Reads the id of this mesh; the first call of a database's life stores `candidate`. */
export function loadMeshId(database: Database, candidate: MeshId): MeshId {
  database.run("insert into meta (key, value) values ('mesh_id', ?) on conflict (key) do nothing", [
    candidate,
  ]);
  const row = database.query("select value from meta where key = 'mesh_id'").get();
  return parseRow(MetaRow, "meta", row).value;
}
