import { z } from "zod";
import { toIsoTime } from "../../../platform/clock.ts";
import type { Database } from "../../../platform/sqlite.ts";
import type { MarkBackup } from "../../../platform/sqlite-backups.ts";
import { MeshId } from "../../../protocol/ids.ts";
import { parseRow } from "../row.ts";

const MetaRow = z.object({ value: MeshId });

/** Whoever made a copy by hand may have written it in other words. */
const BackupMarkRow = z.object({ value: z.string().max(100) });

/** Reads the id of this mesh; the first call of a database's life stores `candidate`. */
export function loadMeshId(database: Database, candidate: MeshId): MeshId {
  database.run("insert into meta (key, value) values ('mesh_id', ?) on conflict (key) do nothing", [
    candidate,
  ]);
  const row = database.query("select value from meta where key = 'mesh_id'").get();
  return parseRow(MetaRow, "meta", row).value;
}

export interface BackupMarkStatements {
  readonly load: () => string | null;
  readonly clear: () => void;
}

export function prepareBackupMark(database: Database): BackupMarkStatements {
  const select = database.prepare("select value from meta where key = 'backup_made_at'");
  const remove = database.prepare("delete from meta where key = 'backup_made_at'");
  return {
    load: () => {
      const row = select.get();
      return row === null ? null : parseRow(BackupMarkRow, "meta", row).value;
    },
    clear: () => {
      remove.run();
    },
  };
}

/** A copy of a copy is as old as the first. */
export const markBackup: MarkBackup = (copy, madeAtMs) => {
  copy.run("insert into meta (key, value) values ('backup_made_at', ?) on conflict (key) do nothing", [
    toIsoTime(madeAtMs),
  ]);
};
