import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { folderOf, type LockedPackage } from "./lockfile.ts";
import apacheText from "./texts/Apache-2.0.txt" with { type: "text" };

/** Licences that ask for nothing but their own text. Another one is a decision of a person, who adds it here. */
export const allowedLicences: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
]);

/** Whether an SPDX expression leaves a choice that is allowed. */
export function isAllowedLicence(expression: string): boolean {
  const words = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const readTerm = (): boolean => {
    const word = words[at++];
    if (word !== "(") return word !== undefined && allowedLicences.has(word);
    const inside = readChoice();
    return words[at++] === ")" && inside;
  };
  const readAll = (): boolean => {
    let isAllowed = readTerm();
    while (words[at] === "AND") {
      at += 1;
      isAllowed = readTerm() && isAllowed;
    }
    return isAllowed;
  };
  const readChoice = (): boolean => {
    let isAllowed = readAll();
    while (words[at] === "OR") {
      at += 1;
      isAllowed = readAll() || isAllowed;
    }
    return isAllowed;
  };
  return readChoice() && at === words.length;
}

export interface LicencedPackage {
  readonly locked: LockedPackage;
  /** SPDX expression as its package.json says; null: it says none. */
  readonly licence: string | null;
  /** Licence and notice files, in the order of their names. */
  readonly texts: readonly { readonly file: string; readonly text: string }[];
  readonly hasInstallScript: boolean;
}

const licenceFile = /^(licen[cs]e|copying|notice)([-.].*)?$/i;

/** null: it is not installed, because it is for another kind of machine. */
export async function loadLicence(root: string, locked: LockedPackage): Promise<LicencedPackage | null> {
  const folder = folderOf(root, locked);
  const file = Bun.file(join(folder, "package.json"));
  if (!(await file.exists())) return null;
  const manifest = (await file.json()) as {
    readonly license?: unknown;
    readonly scripts?: Readonly<Record<string, string>>;
  };
  const names = (await readdir(folder)).filter((name) => licenceFile.test(name)).sort();
  return {
    locked,
    licence: typeof manifest.license === "string" ? manifest.license : null,
    texts: await Promise.all(
      names.map(async (name) => ({ file: name, text: await Bun.file(join(folder, name)).text() })),
    ),
    hasInstallScript: ["preinstall", "install", "postinstall"].some(
      (name) => name in (manifest.scripts ?? {}),
    ),
  };
}

/** What Bun says of itself and of all that is linked into it. */
export async function loadBunNotice(root: string): Promise<string> {
  const page = await Bun.file(
    join(root, "node_modules", "bun-types", "docs", "project", "license.mdx"),
  ).text();
  return page.replace(/^---\n[\s\S]*?\n---\n/, "").trim();
}

/** For packages that name a licence and leave its text out. */
const standardTexts: Readonly<Record<string, string>> = { "Apache-2.0": apacheText };

/** What has to be handed on with a package; empty: nobody knows. */
export function licenceTexts({ licence, texts }: LicencedPackage): readonly string[] {
  if (texts.length > 0) return texts.map(({ text }) => text.replaceAll("\r\n", "\n").trim());
  const standard = standardTexts[licence ?? ""];
  return standard === undefined ? [] : [standard.replaceAll("\r\n", "\n").trim()];
}

/** The text of THIRD_PARTY_LICENSES: what is in the executable, and under which terms. */
export function renderLicences(
  packages: readonly LicencedPackage[],
  bun: { readonly version: string; readonly notice: string },
): string {
  const rule = "-".repeat(100);
  const sections = packages.map((item) =>
    [`${item.locked.name} ${item.locked.version} (${item.licence ?? "unknown"})`, ...licenceTexts(item)].join(
      "\n\n",
    ),
  );
  return `${[
    "claw-mesh contains these works of others. `make licences` writes this file.",
    `Bun ${bun.version} (MIT)\n\n${bun.notice}`,
    ...sections,
  ].join(`\n\n${rule}\n`)}\n`;
}
