/**
 * Installs the real OpenClaw, with a Node.js that it accepts, into `.cache/openclaw/` (ignored by git), for the tests
 * that talk to it. Two npm commands, because the second must run under the Node.js that the first one brings: OpenClaw's
 * own install script refuses others. Safe to call again: what is there in the right version is left alone.
 */
import { mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import {
  nodeBinDirectory,
  nodeRelease,
  OPENCLAW_INTEGRITY,
  OPENCLAW_VERSION,
  openclawCache,
  readInstall,
} from "../test/support/openclaw/install.ts";

const NPM_TIMEOUT_MS = 10 * 60_000;

const root = join(import.meta.dir, "..");

async function npmInstall(packageSpec: string, pathPrefix: string | null): Promise<void> {
  const directory = openclawCache(root);
  const path = pathPrefix === null ? process.env.PATH : `${pathPrefix}${delimiter}${process.env.PATH ?? ""}`;
  const npm = Bun.spawn(
    [
      "npm",
      "install",
      "--save-exact",
      "--prefix",
      directory,
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      packageSpec,
    ],
    {
      cwd: directory,
      env: { ...process.env, PATH: path ?? "" },
      stdio: ["ignore", "inherit", "inherit"],
      timeout: NPM_TIMEOUT_MS,
    },
  );
  const exitCode = await npm.exited;
  if (exitCode !== 0)
    throw new Error(`npm install ${packageSpec} failed with exit code ${exitCode}; its output is above`);
}

/** npm checks what it downloads against this same field of the registry; that it is the pinned one is checked here. */
async function requireIntegrity(packageSpec: string, integrity: string): Promise<void> {
  const view = Bun.spawn(["npm", "view", packageSpec, "dist.integrity"], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: NPM_TIMEOUT_MS,
  });
  const told = (await view.stdout.text()).trim();
  if (told !== integrity)
    throw new Error(`the registry has another ${packageSpec} than the pinned one: ${told || "no answer"}`);
}

async function installNode(): Promise<void> {
  const { name, version, integrity } = nodeRelease(process.platform, process.arch);
  console.error(`installing Node.js ${version} (${name}) into .cache/openclaw`);
  await requireIntegrity(`${name}@${version}`, integrity);
  await npmInstall(`${name}@${version}`, null);
}

async function installOpenclaw(): Promise<void> {
  console.error(`installing openclaw ${OPENCLAW_VERSION} into .cache/openclaw (about 650 MB, one minute)`);
  await requireIntegrity(`openclaw@${OPENCLAW_VERSION}`, OPENCLAW_INTEGRITY);
  await npmInstall(`openclaw@${OPENCLAW_VERSION}`, nodeBinDirectory(root));
}

async function main(): Promise<void> {
  if (Bun.which("npm") === null)
    throw new Error("npm was not found on PATH; install Node.js with npm, then try again");
  const directory = openclawCache(root);
  mkdirSync(directory, { recursive: true });
  await Bun.write(
    join(directory, "package.json"),
    `${JSON.stringify({ private: true, ...(await keptDependencies(directory)) }, null, 2)}\n`,
  );
  let install = await readInstall(root);
  if (!install.hasNode) await installNode();
  if (install.openclawVersion !== OPENCLAW_VERSION) await installOpenclaw();
  install = await readInstall(root);
  if (!install.hasNode || install.openclawVersion !== OPENCLAW_VERSION) {
    throw new Error(`the installation in ${directory} is incomplete; remove that folder and try again`);
  }
  console.error(`openclaw ${OPENCLAW_VERSION} is ready in .cache/openclaw`);
}

/** npm keeps the list of what it installed in the scratch package.json; a fresh one would make the second command remove the first's work. */
async function keptDependencies(
  directory: string,
): Promise<{ readonly dependencies?: Readonly<Record<string, string>> }> {
  const file = Bun.file(join(directory, "package.json"));
  if (!(await file.exists())) return {};
  const parsed: unknown = await file.json();
  const dependencies =
    parsed !== null && typeof parsed === "object" && "dependencies" in parsed ? parsed.dependencies : null;
  if (dependencies === null || typeof dependencies !== "object") return {};
  return { dependencies: dependencies as Readonly<Record<string, string>> };
}

try {
  await main();
} catch (error) {
  console.error(`cannot install OpenClaw: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
