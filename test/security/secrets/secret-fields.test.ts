import { describe, expect, test } from "bun:test";
import { join } from "node:path";

/**
 * A secret in memory is of the class Secret, which shows as `***` wherever text is made of it. So no field, parameter or
 * variable that is named after a secret may be declared as text, outside of the places listed here.
 */
const allowed: Readonly<Record<string, string>> = {
  "src/coordinator/auth/authenticator.ts token":
    "what a request shows; it is hashed at once and kept nowhere",
  "src/coordinator/auth/guess-guard.ts token":
    "the same, of which the beginning is kept when it is no secret",
  "src/coordinator/auth/tokens.ts token": "a token that was just made, on its way to its hash",
};

/** Names of secrets; what is behind them, such as `tokenHash`, is another thing. `createSecret` gives one to who wraps it. */
const declaration =
  /(?<![\w.])(?!createSecret\b)(\w*(?:token|secret|password|passphrase|passwd|api_?key|credential|private_?key|invite_?code)s?)\??: (.+)$/gim;

/** Text, in a union, a list, a promise or the result of a function too. */
const text =
  /^(?:\([^)]*\) => )?(?:Promise<)?(?:readonly )?\(?(?:string\b|(?:null|undefined|number)(?: \| \w+)* \| string\b)/;

const root = join(import.meta.dir, "..", "..", "..");
const files = [...new Bun.Glob("src/**/*.ts").scanSync({ cwd: root })]
  .filter((file) => !file.endsWith(".test.ts") && !file.endsWith(".d.ts"))
  .sort();

/** `file name` of each declaration that breaks the rule. */
function findTextSecrets(file: string, source: string): readonly string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/ .*$/gm, "");
  const lines = code.replaceAll(", ", ",\n").replaceAll("; ", ";\n");
  return [...lines.matchAll(declaration)]
    .filter(([, , type = ""]) => text.test(type))
    .map(([, name = ""]) => `${file} ${name}`);
}

describe("a secret in memory", () => {
  test.each(files)("is no plain text in %s", async (file) => {
    const found = findTextSecrets(file, await Bun.file(join(root, file)).text());
    expect(found.filter((place) => !Object.hasOwn(allowed, place))).toEqual([]);
  });

  test("is plain text in the listed places only, and in each of those", async () => {
    const all = await Promise.all(
      files.map(async (file) => findTextSecrets(file, await Bun.file(join(root, file)).text())),
    );
    expect([...new Set(all.flat())].sort()).toEqual(Object.keys(allowed).sort());
  });

  test.each([
    "interface A { readonly token: string }",
    "interface A { readonly gatewayToken?: string | null }",
    "function f(apiKey: string) {}",
    "const f = (password: readonly string[]) => {};",
    "class A { #x = 1; secret: string = ''; }",
    "interface A { credentials: () => Promise<string | null> }",
    "let adminToken: string;",
  ])("would be found in %j", (source) => {
    expect(findTextSecrets("a.ts", source)).toHaveLength(1);
  });

  test.each([
    "interface A { readonly token: Secret | null; tokenHash: string; tokenFile: string }",
    "const tokenVariable = 'CLAW_MESH_TOKEN';",
    "interface A { explain: (token: Secret) => Promise<string> }",
    "interface A { createSecret: () => string }",
  ])("would not be found in %j", (source) => {
    expect(findTextSecrets("a.ts", source)).toEqual([]);
  });
});
