import { Database } from "bun:sqlite";
import { copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** Everything that one kind of output has shown, by what it was. */
export type Pieces = Map<string, Buffer>;

/** What was captured, by surface. */
export interface Evidence<Surface extends string> {
  /** Adds to the surface; the label says in a failure where it was. */
  readonly add: (surface: Surface, label: string, content: string | Uint8Array) => void;
  /** Labels of the pieces of the surface that hold the secret, in whatever spelling. */
  readonly find: (surface: Surface, secret: string) => readonly string[];
  /** How much was captured; a surface with nothing proves nothing. */
  readonly bytes: (surface: Surface) => number;
}

export function createEvidence<Surface extends string>(): Evidence<Surface> {
  const surfaces = new Map<Surface, Pieces>();
  const piecesOf = (surface: Surface) => {
    const pieces = surfaces.get(surface) ?? new Map<string, Buffer>();
    surfaces.set(surface, pieces);
    return pieces;
  };
  return {
    add: (surface, label, content) => {
      const pieces = piecesOf(surface);
      const before = pieces.get(label);
      const more = Buffer.from(content as Uint8Array);
      pieces.set(label, before === undefined ? more : Buffer.concat([before, more]));
    },
    find: (surface, secret) => {
      const spellings = spellingsOf(secret);
      return [...piecesOf(surface)]
        .filter(([, content]) => spellings.some((spelling) => content.includes(spelling)))
        .map(([label]) => label);
    },
    bytes: (surface) => [...piecesOf(surface).values()].reduce((sum, { length }) => sum + length, 0),
  };
}

/** As it is, in hexadecimal, in base 64 at each of the three places it can begin at, and as a URL writes it. */
function spellingsOf(secret: string): readonly Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.from("x".repeat(shift) + secret).toString("base64");
    // The first and last characters depend on what is around.
    return text.slice(Math.ceil((shift * 4) / 3) + (shift === 0 ? 0 : 1), -4);
  });
  const hex = Buffer.from(secret).toString("hex");
  return [
    secret,
    hex,
    hex.toUpperCase(),
    encodeURIComponent(secret),
    ...base64,
    ...base64.map(toUrlSafe),
  ].map((spelling) => Buffer.from(spelling));
}

function toUrlSafe(base64: string): string {
  return base64.replaceAll("+", "-").replaceAll("/", "_");
}

/** All rows of all tables of a copy of the database, with what is still in its WAL. */
export async function dumpDatabase(file: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "claw-mesh-dump-"));
  try {
    const copy = join(folder, "copy.db");
    for (const suffix of ["", "-wal"]) {
      await copyFile(file + suffix, copy + suffix).catch(() => undefined);
    }
    using database = new Database(copy);
    const tables = database
      .query<{ name: string }, []>("select name from sqlite_master where type = 'table'")
      .all();
    return tables
      .map(({ name }) => `${name}\n${JSON.stringify(database.query(`select * from "${name}"`).all())}`)
      .join("\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Every file below a folder with its content; what is gone meanwhile is left out. */
export async function readTree(folder: string): Promise<readonly { path: string; content: Buffer }[]> {
  const found: { path: string; content: Buffer }[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path).catch(() => null);
    if (content !== null) found.push({ path, content });
  }
  return found;
}

/** Which surface a file of a state directory belongs to. */
export function surfaceOfFile(path: string) {
  const name = basename(path);
  if (name === "token") return "the token file";
  if (name === "direct.key") return "the key of sealed tokens";
  if (name === "node.json") return "node.json";
  if (name.startsWith("mesh.db")) return "bytes of mesh.db and its backups";
  if (name.startsWith("journal.db")) return "bytes of journal.db";
  if (path.includes("/tls/")) return "the tls folder";
  return "other files of the state directory";
}
