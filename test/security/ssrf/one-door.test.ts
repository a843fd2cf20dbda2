/**
 * Every call that the coordinator makes goes through `platform/safe-fetch.ts`: each of its modules is read for any other way
 * out of the process. Whoever adds an outgoing call finds out here.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const sourceRoot = join(import.meta.dir, "..", "..", "..", "src");

/** Folders that run inside a coordinator and nowhere else, or that it runs for a message. */
const folders = ["coordinator", "domain", "store"];

const modules = folders.flatMap((folder) =>
  readdirSync(join(sourceRoot, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => `${folder}/${path}`),
);

/** Ways to open a connection. A name that is asked of `safeFetch` or handed in is none of them. */
const waysOut: Readonly<Record<string, RegExp>> = {
  "the platform's fetch": /(?<![.\w])fetch\s*[(,;)]|\bglobalThis\.fetch\b|\bBun\.fetch\b/,
  "a fetch without the guard": /\bcreateFetch\b|\bHttpFetch\b/,
  "a socket":
    /\bBun\.(?:connect|udpSocket)\b|\bcreateConnection\b|\bnew (?:WebSocket|EventSource|XMLHttpRequest)\b/,
  "a module that opens sockets": /from\s+"node:(?:http|https|http2|tls|dgram|dns|dns\/promises)"/,
  "a link that is dialed": /\bcreateNodeLink\b|\bcreateDialedLink\b|\bcreateDialSocket\b/,
  "a process": /\bBun\.spawn(?:Sync)?\b|from\s+"node:child_process"/,
};

/** Of `node:net` only what looks at addresses. */
const netImport = /import\s*\{([^}]*)\}\s*from\s+"node:net"/g;
const harmlessOfNet: ReadonlySet<string> = new Set(["isIP", "isIPv4", "isIPv6", "BlockList"]);

const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/[^\n]*/g, "$1");

describe("outgoing calls", () => {
  test.each(modules.map((path) => [path]))("of %s pass the guard, if it has any", (path) => {
    const code = withoutComments(readFileSync(join(sourceRoot, path), "utf8"));
    const found = Object.entries(waysOut).flatMap(([what, pattern]) => (pattern.test(code) ? [what] : []));
    const fromNet = [...code.matchAll(netImport)].flatMap(([, names = ""]) =>
      names.split(",").map((name) => name.trim().replace(/^type /, "")),
    );
    const sockets = fromNet.filter((name) => name !== "" && !harmlessOfNet.has(name));
    expect({ found, sockets }).toEqual({ found: [], sockets: [] });
  });

  test("are looked for in all of the coordinator, and the search knows a call when it sees one", () => {
    expect(modules.length).toBeGreaterThan(100);
    const guard = withoutComments(readFileSync(join(sourceRoot, "platform/safe-fetch.ts"), "utf8"));
    expect(waysOut["the platform's fetch"]?.test(guard)).toBeTrue();
    expect([...guard.matchAll(netImport)].map(([, names]) => names?.trim())).toEqual(["connect"]);
  });

  test("are made by one guard, which the coordinator makes once, with the operator's word on private addresses", () => {
    const makers = modules.filter((path) =>
      /\bcreateSafeFetch\(/.test(readFileSync(join(sourceRoot, path), "utf8")),
    );
    expect(makers).toEqual(["coordinator/assembly/entrance-parts.ts"]);
    const assembly = readFileSync(join(sourceRoot, "coordinator/assembly/entrance-parts.ts"), "utf8");
    expect(assembly).toMatch(/createSafeFetch\(\{[^}]*allowPrivate: options\.allowPrivate/);
  });
});
