import { describe, expect, test } from "bun:test";
import { tarFile, tarOf } from "../../../test/support/tar.ts";
import { readTar } from "./tar-reader.ts";

const limits = { maxEntries: 10, maxTotalBytes: 10_000 };

/** Paths and contents of the plain files. */
async function filesOf(archive: Uint8Array, pieceBytes = archive.length): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const pieces = (async function* () {
    for (let at = 0; at < archive.length; at += pieceBytes) yield archive.subarray(at, at + pieceBytes);
  })();
  await readTar(pieces, limits, ({ path }) => {
    found[path] = "";
    return async (piece) => {
      found[path] += new TextDecoder().decode(piece);
    };
  });
  return found;
}

const pax = (text: string) => tarFile("PaxHeader", text, { type: "x" });

describe("a tar archive", () => {
  test.each([1, 7, 512, 513, 100_000])("is read in pieces of %i bytes", async (pieceBytes) => {
    const archive = tarOf(
      tarFile("./a", "one"),
      tarFile("b/", "", { type: "5" }),
      tarFile("b/c", "x".repeat(1000)),
    );
    expect(await filesOf(archive, pieceBytes)).toEqual({ a: "one", "b/c": "x".repeat(1000) });
  });

  test("has long paths, as GNU and as POSIX write them", async () => {
    const long = `${"folder/".repeat(30)}file`;
    const gnu = tarOf(tarFile("././@LongLink", `${long}\0`, { type: "L" }), tarFile("short", "1"));
    expect(await filesOf(gnu)).toEqual({ [long]: "1" });
    const posix = tarOf(pax(`12 mtime=1.5\n220 path=${long}\n`), tarFile("short", "1"), tarFile("next", "2"));
    expect(await filesOf(posix)).toEqual({ [long]: "1", next: "2" });
    expect(await filesOf(tarOf(tarFile("pax", "comment", { type: "g" }), tarFile("a", "1")))).toEqual({
      a: "1",
    });
  });

  test.each([
    ["without its end", tarFile("a", "one")],
    ["cut in a file", tarFile("a", "x".repeat(2000)).subarray(0, 1500)],
    ["that is something else", new Uint8Array(2048).fill(65)],
    ["with a header that was changed", tarOf(tarFile("a", "one").map((byte, at) => (at === 3 ? 66 : byte)))],
    ["with too many entries", tarOf(...Array.from({ length: 11 }, (_, at) => tarFile(`f${at}`, "")))],
    ["with too many bytes", tarOf(tarFile("a", "", { claimsBytes: 10_001 }))],
    ["with a path of its own above the folder", tarOf(tarFile("a/../../b", ""))],
    ["with an absolute path", tarOf(tarFile("/a", ""))],
    ["with a path of Windows", tarOf(tarFile("C:evil", ""))],
    ["with a backslash", tarOf(tarFile("..\\evil", ""))],
    ["with a path that leads out in its extension", tarOf(pax("14 path=../a\n"), tarFile("a", ""))],
    ["with a long path that leads out", tarOf(tarFile("x", "../a\0", { type: "L" }), tarFile("a", ""))],
    ["with another size in its extension", tarOf(pax("10 size=9\n"), tarFile("a", ""))],
    ["with a symbolic link", tarOf(tarFile("a", "", { type: "2", link: "b" }))],
    ["with a hard link", tarOf(tarFile("a", "", { type: "1", link: "b" }))],
    ["with a device", tarOf(tarFile("a", "", { type: "4" }))],
    ["with a pipe", tarOf(tarFile("a", "", { type: "6" }))],
    ["with a sparse file", tarOf(tarFile("a", "", { type: "S" }))],
  ])("%s is refused", async (_, archive) => {
    const error: unknown = await filesOf(archive).catch((reason: unknown) => reason);
    expect(error).toHaveProperty("code", "RUNTIME_INSTALL_FAILED");
  });
});
