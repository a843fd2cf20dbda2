import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Claim } from "../claim.ts";

/** Every area has a file `<area>.ts` in this folder, which exports one list of claims, `<area>Claims`. */
export const securityAreas = [
  "access",
  "invites",
  "tls",
  "ssrf",
  "http",
  "containment",
  "secrets",
  "files",
  "audit",
  "trust",
  "supply-chain",
  "fuzz",
] as const;

export interface ClaimArea {
  readonly name: string;
  readonly claims: readonly Claim[];
}

/** The claims of all areas that have a file, those of {@link securityAreas} first and in that order. */
export async function loadClaimAreas(): Promise<readonly ClaimArea[]> {
  const found = readdirSync(import.meta.dir)
    .filter((file) => file.endsWith(".ts") && file !== "index.ts")
    .map((file) => file.slice(0, -".ts".length));
  const known: readonly string[] = securityAreas;
  const names = [
    ...known.filter((name) => found.includes(name)),
    ...found.filter((name) => !known.includes(name)),
  ];
  return Promise.all(names.map(async (name) => ({ name, claims: await loadClaims(name) })));
}

async function loadClaims(area: string): Promise<readonly Claim[]> {
  const file = `${area}.ts`;
  const exported = (await import(join(import.meta.dir, file))) as Readonly<Record<string, unknown>>;
  const lists = Object.entries(exported).filter(([name]) => name.endsWith("Claims"));
  const [list] = lists;
  if (list === undefined || lists.length > 1 || !Array.isArray(list[1]))
    throw new Error(`test/security/claims/${file} has to export one list, named …Claims`);
  return list[1] as readonly Claim[];
}
