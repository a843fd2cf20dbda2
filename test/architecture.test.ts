/**
 * The shape of the source tree: who may import whom, and where the edges of the machine are. `docs/architecture.md`
 * tells the reasons. A change of these tables is a change of the architecture, and deserves a word in the commit.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const sourceRoot = join(import.meta.dir, "..", "src");

/** Folder of `src/` to the folders it may import; itself is always allowed. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  locale: [],
  domain: ["protocol"],
  platform: ["protocol"],
  client: ["protocol"],
  config: ["protocol", "platform"],
  link: ["protocol", "platform"],
  store: ["protocol", "domain", "platform"],
  runtimes: ["protocol", "domain", "platform"],
  provision: ["protocol", "domain", "platform", "runtimes"],
  coordinator: ["protocol", "domain", "platform", "link", "store", "client"],
  node: ["protocol", "domain", "platform", "link", "client", "runtimes", "provision"],
  lab: ["protocol", "platform", "client"],
  cli: ["protocol", "config", "client", "locale", "platform", "coordinator", "node", "provision", "lab"],
  "main.ts": ["cli"],
};

/** Folders that the command line may enter by their front door only. */
const frontDoors = ["coordinator", "node", "provision", "lab"];

/** Package, or built-in module, to the folders that may import it. What is not listed may not be imported at all. */
const packageOwners: Readonly<Record<string, readonly string[]>> = {
  zod: [
    "protocol",
    "domain",
    "platform",
    "config",
    "link",
    "store",
    "client",
    "runtimes",
    "provision",
    "coordinator",
    "node",
    "lab",
    "cli",
  ],
  "@agentclientprotocol/sdk": ["runtimes/acp"],
  "@clack/prompts": ["cli"],
  "@openclaw/gateway-client": ["runtimes/openclaw"],
  "@openclaw/gateway-protocol": ["runtimes/openclaw"],
  "@stricli/core": ["cli"],
  "eventsource-parser": ["client", "runtimes/openai"],
  pino: ["platform"],
  "@peculiar/x509": ["platform"],
  "reflect-metadata": ["platform"],
  re2js: ["domain"],
  yaml: ["config", "node/skills"],
  "bun:sqlite": ["platform", "store", "node"],
  bun: ["platform", "coordinator", "node", "runtimes", "provision", "link", "store"],
  "node:": [
    "platform",
    "config",
    "store",
    "link",
    "runtimes",
    "provision",
    "coordinator",
    "node",
    "lab",
    "cli",
  ],
};

const forbiddenNames = /(^|\/)(utils?|common|helpers?|shared|managers?|misc|types)(\.ts|\/|$)/;

/** Text that may occur only in the given places; tests beside the source are free. */
const edges: readonly { readonly what: string; readonly pattern: RegExp; readonly where: RegExp }[] = [
  { what: "process.env", pattern: /\b(process|Bun|import\.meta)\.env\b/, where: /^main\.ts$/ },
  { what: "process.exit", pattern: /\bprocess\.(exit\b|exitCode\s*=)/, where: /^main\.ts$/ },
  {
    what: "randomness and ids",
    pattern: /\bMath\.random\b|\brandomUUID(v7)?\(|\bgetRandomValues\b/,
    where: /^platform\//,
  },
  { what: "the clock", pattern: /\bperformance\.now\b|\bBun\.(sleep|nanoseconds)\b/, where: /^platform\// },
  { what: "default exports", pattern: /^\s*export\s+default\b|\bas\s+default\b/m, where: /^$/ },
  { what: "an empty catch", pattern: /\bcatch\s*(\([^)]*\))?\s*\{\s*\}/, where: /^$/ },
];

interface SourceFile {
  /** Relative to `src/`. */
  readonly path: string;
  /** Without comments. */
  readonly code: string;
  readonly text: string;
  /** Relative to `src/` for our own files, else the name of the package. */
  readonly imports: readonly string[];
}

/** Replaces comments by blanks. A `//` inside a string stays when no blank or line start is before it. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/[^\n]*/g, "$1");
}

/** Imports, re-exports, type imports, imports for effect and dynamic imports. */
const importPattern =
  /(?:^|[;\n}])\s*(?:import|export)\s+(?:[\w\s{},*$]+?\s+from\s+)?"([^"\n]+)"|\bimport\(\s*"([^"\n]+)"\s*[,)]/g;

function readImports(path: string, code: string): readonly string[] {
  return [...code.matchAll(importPattern)].map(([, statement, dynamic]) => {
    const specifier = statement ?? dynamic ?? "";
    return specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : specifier;
  });
}

const files: readonly SourceFile[] = readdirSync(sourceRoot, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") || path.endsWith(".tsx"))
  .sort()
  .map((path) => {
    const text = readFileSync(join(sourceRoot, path), "utf8");
    const code = withoutComments(text);
    return { path, text, code, imports: readImports(path, code) };
  });

/** Tests beside the source may import what they like, as the folder `test/` may. */
const sources = files.filter((file) => !file.path.endsWith(".test.ts"));

function folderOf(path: string): string {
  return path.split("/")[0] ?? path;
}

function isOurs(specifier: string): boolean {
  return /\.(?:tsx?|sql|html|css|js)$/.test(specifier);
}

/** Lines `a.ts imports b.ts` for the imports that the rule refuses. */
function offences(isAllowed: (file: SourceFile, imported: string) => boolean): readonly string[] {
  return sources.flatMap((file) =>
    file.imports
      .filter((imported) => !isAllowed(file, imported))
      .map((imported) => `${file.path} imports ${imported}`),
  );
}

function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return "node:";
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? specifier);
}

describe("the source tree", () => {
  test("has only the folders of the table", () => {
    const folders = new Set(files.map((file) => folderOf(file.path)));
    expect([...folders].filter((folder) => mayImport[folder] === undefined)).toEqual([]);
  });

  test("has a table without cycles", () => {
    const open = new Set<string>();
    const visit = (folder: string): void => {
      if (open.has(folder)) throw new Error(`cycle: ${[...open, folder].join(" → ")}`);
      open.add(folder);
      for (const next of mayImport[folder] ?? []) visit(next);
      open.delete(folder);
    };
    expect(() => Object.keys(mayImport).forEach(visit)).not.toThrow();
  });

  test("names files in kebab-case after their one idea", () => {
    const kebab = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?(\.test|\.d)?\.tsx?$/;
    expect(files.map((file) => file.path).filter((path) => !kebab.test(path))).toEqual([]);
    expect(files.map((file) => file.path).filter((path) => forbiddenNames.test(path))).toEqual([]);
  });

  test("keeps files short (a warning, not a failure)", () => {
    const long = sources.filter((file) => file.text.split("\n").length > 330);
    for (const file of long) console.warn(`long: src/${file.path}, ${file.text.split("\n").length} lines`);
  });
});

describe("imports", () => {
  test("are all seen by this test", () => {
    const transpiler = new Bun.Transpiler({ loader: "ts" });
    const missed = sources.flatMap((file) =>
      transpiler
        .scanImports(file.text)
        .map(({ path }) => (path.startsWith(".") ? normalize(join(dirname(file.path), path)) : path))
        .filter((path) => !file.imports.includes(path))
        .map((path) => `${file.path}: ${path}`),
    );
    expect(missed).toEqual([]);
  });

  test("go inwards only", () => {
    const wrong = offences((file, imported) => {
      if (!isOurs(imported)) return true;
      const [from, to] = [folderOf(file.path), folderOf(imported)];
      return from === to || (mayImport[from] ?? []).includes(to);
    });
    expect(wrong).toEqual([]);
  });

  test("stay inside src/, but for the version in package.json", () => {
    expect(offences((_, imported) => !imported.startsWith("..") || imported === "../package.json")).toEqual(
      [],
    );
  });

  test("of the command line enter coordinator, node and lab by their index.ts", () => {
    const wrong = offences((file, imported) => {
      const to = folderOf(imported);
      return folderOf(file.path) !== "cli" || !frontDoors.includes(to) || imported === `${to}/index.ts`;
    });
    expect(wrong).toEqual([]);
  });

  test("never lead from one runtime adapter into another", () => {
    const adapterOf = (path: string) => /^runtimes\/([^/]+)\/./.exec(path)?.[1];
    const wrong = offences((file, imported) => {
      const [from, to] = [adapterOf(file.path), adapterOf(imported)];
      return from === undefined || to === undefined || from === to;
    });
    expect(wrong).toEqual([]);
  });

  test("of a feature's routes happen in the coordinator's http folder and its front door only", () => {
    const wrong = offences(
      (file, imported) =>
        !/^coordinator\/.+\/routes\.ts$/.test(imported) || /^coordinator\/(http\/|[^/]+$)/.test(file.path),
    );
    expect(wrong).toEqual([]);
  });

  test("of packages and built-in modules stay with the folders that own them", () => {
    const wrong = offences((file, imported) => {
      if (isOurs(imported) || imported === "../package.json") return true;
      const owners = packageOwners[packageOf(imported)] ?? [];
      return owners.some((owner) => file.path.startsWith(`${owner}/`));
    });
    expect(wrong).toEqual([]);
  });
});

describe("the edges of the machine", () => {
  for (const { what, pattern, where } of edges) {
    test(`${what}: only where it belongs`, () => {
      const wrong = sources.filter((file) => pattern.test(file.code) && !where.test(file.path));
      expect(wrong.map((file) => file.path)).toEqual([]);
    });
  }
});
