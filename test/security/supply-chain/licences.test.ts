import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isAllowedLicence, licenceTexts } from "../../../scripts/supply-chain/licences.ts";
import { licencesFile, loadProject, toLicences } from "../../../scripts/supply-chain/project.ts";

const root = join(import.meta.dir, "..", "..", "..");
const project = await loadProject(root);
const installed = [...project.shipped, ...project.development];

test.each(installed.map((item) => [item.locked.key, item] as const))(
  "%s has a licence that is allowed, and nothing to run when it is installed",
  (_, { licence, hasInstallScript }) => {
    expect(licence).not.toBeNull();
    expect(isAllowedLicence(licence ?? "")).toBeTrue();
    expect(hasInstallScript).toBeFalse();
  },
);

test.each(project.shipped.map((item) => [item.locked.key, item] as const))(
  "%s comes with the text of its licence",
  (_, item) => {
    expect(licenceTexts(item).join("\n").length).toBeGreaterThan(200);
  },
);

test("THIRD_PARTY_LICENSES is what `make licences` writes", async () => {
  expect(await Bun.file(licencesFile(root)).text()).toBe(toLicences(project));
});

describe("a licence is", () => {
  test.each(["MIT", "MIT OR Apache-2.0", "(MIT AND ISC)", "GPL-3.0-only OR MIT", "MIT AND (ISC OR GPL-2.0)"])(
    "allowed: %s",
    (expression) => expect(isAllowedLicence(expression)).toBeTrue(),
  );

  test.each([
    ...["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "SEE LICENSE IN LICENSE.md", "UNLICENSED", "mit"],
    ...["(MIT", "MIT)", "MIT OR", "MIT Apache-2.0", "Apache-2.0 WITH LLVM-exception", "NOT MIT"],
  ])("refused: %s", (expression) => expect(isAllowedLicence(expression)).toBeFalse());
});
