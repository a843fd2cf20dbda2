import { access, constants } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { MachineFacts } from "../../domain/provision/machine-facts.ts";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { MeshError } from "../../protocol/errors.ts";
import { toOpenclawProgram } from "../installed-programs.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import type { ProvisionStep } from "../provision-step.ts";
import { type PackageOrder, packArgs, packFolder } from "./fetch-package.ts";
import { downloadsDir, privateNodeDir, userPrefix } from "./install-places.ts";
import type { OpenclawPlan, PlannedStep } from "./install-plan.ts";
import { type AcceptedNode, findAcceptedNode, matchNodePin } from "./node-for-openclaw.ts";
import { findOpenclawPackage, type OpenclawPackage, readNpmPrefix } from "./openclaw-package.ts";
import { openclawNodeRange, openclawPin, type PackagePin, type PackagePins, packagePins } from "./pins.ts";

/** On disk, about. */
const nodeBytes = 190 * 1024 * 1024;
const openclawBytes = 650 * 1024 * 1024;

/** A version, or a tag such as `latest`: nothing that npm would take for a file, an address or a flag. */
const versionPattern = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/;

export interface PlanRequest {
  /** null: the one that this program was tested with. */
  readonly version: string | null;
  readonly facts: MachineFacts;
  /** What packages of npm are held against; default: what this program was tested with. */
  readonly pins?: PackagePins;
}

/**
 * Runs `npm prefix` and `--version` of what it finds, nothing else.
 * @throws MeshError RUNTIME_UNSUPPORTED without npm, or without a Node.js that there is none of for the machine; USAGE
 */
export async function planOpenclaw(
  { version: asked, facts, pins = packagePins }: PlanRequest,
  deps: ProvisionDeps,
): Promise<OpenclawPlan> {
  if (asked !== null && !versionPattern.test(asked)) {
    throw new MeshError("USAGE", `${JSON.stringify(asked)} is no version of OpenClaw`, {
      hint: `A version is like ${openclawPin.version}.`,
    });
  }
  const version = asked ?? pins.openclaw.version;
  const [found, node] = await Promise.all([findOpenclawPackage(deps), findAcceptedNode(deps)]);
  const isThere = found !== null && isAtLeast(found.version, version, asked);
  const nodePin = matchNodePin(facts, pins.nodes);
  if (isThere && node !== null) {
    return donePlan({ found, node, version, facts, nodePin }, deps);
  }
  const npm = requireNpm(facts, found);
  if (node === null && nodePin === null) throw noNode(facts);
  const prefix = await choosePrefix(npm, deps);
  const order = { name: openclawPin.name, version, pin: pins.openclaw, file: packageFile(version, deps) };
  const steps: readonly PlannedStep[] = [
    ...(nodePin === null || node?.isPrivate === false
      ? []
      : packageSteps({
          order: nodeOrder(nodePin, deps),
          install: nodeStep(nodePin, deps),
          skipped: node === null ? null : "it is installed",
        })),
    ...packageSteps({
      order,
      install: openclawStep({ version, prefix, file: order.file }),
      skipped: isThere ? `OpenClaw ${found.version} is installed in ${found.folder}` : null,
    }),
  ];
  const privateNode = node === null && nodePin !== null ? nodeOrder(nodePin, deps) : null;
  const openclaw = isThere ? null : order;
  return { kind: "openclaw", version, npm, prefix, privateNode, openclaw, steps, installed: null };
}

interface PackageSteps {
  readonly order: PackageOrder;
  readonly install: ProvisionStep;
  readonly skipped: string | null;
}

/** What is there need not be fetched, and so is not spoken of twice. */
function packageSteps({ order, install, skipped }: PackageSteps): readonly PlannedStep[] {
  const { name, version, pin, file } = order;
  if (skipped !== null) return [{ step: install, skipped }];
  const fetch: ProvisionStep = {
    do: "fetch",
    command: ["npm", ...packArgs(`${name}@${version}`, packFolder(file))],
    to: file,
    integrity: version === pin.version ? pin.integrity : null,
  };
  return [
    { step: fetch, skipped },
    { step: install, skipped },
  ];
}

function nodeOrder(pin: PackagePin, { dataDir }: ProvisionDeps): PackageOrder {
  const { name, version } = pin;
  return { name, version, pin, file: join(downloadsDir(dataDir), `${name}-${version}.tgz`) };
}

function packageFile(version: string, { dataDir }: ProvisionDeps): string {
  return join(downloadsDir(dataDir), `${openclawPin.name}-${version}.tgz`);
}

interface Done {
  readonly found: OpenclawPackage;
  readonly node: AcceptedNode;
  readonly version: string;
  readonly facts: MachineFacts;
  readonly nodePin: PackagePin | null;
}

function donePlan({ found, node, version, facts, nodePin }: Done, deps: ProvisionDeps): OpenclawPlan {
  // The folder is <prefix>/lib/node_modules/openclaw.
  const prefix = dirname(dirname(dirname(found.folder)));
  const skipped = `OpenClaw ${found.version} is installed in ${found.folder}`;
  const nodeDone =
    node.isPrivate && nodePin !== null
      ? [{ step: nodeStep(nodePin, deps), skipped: `it is installed: ${node.program}` }]
      : [];
  return {
    kind: "openclaw",
    version,
    npm: facts.npm?.path ?? "npm",
    prefix,
    privateNode: null,
    openclaw: null,
    steps: [
      ...nodeDone,
      { step: openclawStep({ version, prefix, file: packageFile(version, deps) }), skipped },
    ],
    installed: toOpenclawProgram(found, node, deps),
  };
}

/** A newer one was installed by somebody who wants it; one that was asked for by its version is wanted exactly. */
function isAtLeast(there: string, wanted: string, asked: string | null): boolean {
  if (there === wanted) return true;
  if (asked !== null) return false;
  return Bun.semver.order(there, wanted) >= 0;
}

function nodeStep(pin: PackagePin, deps: ProvisionDeps): ProvisionStep {
  return {
    do: "run",
    installs: "node",
    version: pin.version,
    command: ["npm", ...nodeArgs(nodeOrder(pin, deps).file, deps.dataDir)],
    bytes: nodeBytes,
  };
}

/**
 * Its package needs no script, so none gets to run. What a `.npmrc` may say otherwise is said here.
 * @param spec the file of the package; in what is shown to be done by hand, name and version
 */
export function nodeArgs(spec: string, dataDir: string): readonly string[] {
  return [
    ...["install", "--prefix", privateNodeDir(dataDir), "--no-global", "--location=project", "--no-save"],
    ...["--ignore-scripts", "--no-package-lock", ...doesInstall, spec],
  ];
}

interface OpenclawCommand {
  readonly version: string;
  readonly prefix: string;
  readonly file: string;
}

function openclawStep({ version, prefix, file }: OpenclawCommand): ProvisionStep {
  const command = ["npm", ...openclawArgs(file, prefix)];
  return { do: "run", installs: "openclaw", version, command, bytes: openclawBytes };
}

/**
 * npm takes the folder of its Node.js for its own prefix, and that may be the private one: so it is named.
 * @param spec as for {@link nodeArgs}
 */
export function openclawArgs(spec: string, prefix: string): readonly string[] {
  return ["install", "--global", "--prefix", prefix, ...doesInstall, spec];
}

/** A `.npmrc` with the opposite makes npm say that all went well, and install nothing. */
const doesInstall = ["--no-dry-run", "--no-package-lock-only"];

function requireNpm({ npm, platform }: MachineFacts, found: OpenclawPackage | null): string {
  if (platform === "win32") {
    throw new MeshError("RUNTIME_UNSUPPORTED", "OpenClaw is not installed on Windows from here", {
      hint: `Install it by hand with: npm install -g ${openclawPin.name}@${openclawPin.version}`,
    });
  }
  if (npm !== null && npm.version !== null) return npm.path;
  if (npm !== null) {
    throw new MeshError(
      "RUNTIME_UNSUPPORTED",
      `OpenClaw is installed with npm, and ${npm.path} does not run`,
      {
        hint: "Mend or replace the Node.js that it belongs to, or choose ZeroClaw with --runtime zeroclaw.",
      },
    );
  }
  const what =
    found === null ? "OpenClaw is installed with npm" : "the Node.js that OpenClaw needs comes with npm";
  throw new MeshError("RUNTIME_UNSUPPORTED", `${what}, and npm was not found on PATH`, {
    hint: "Install Node.js with npm, or choose ZeroClaw with --runtime zeroclaw.",
  });
}

function noNode({ platform, arch, node }: MachineFacts): MeshError {
  const own =
    node?.version == null ? "this machine has no Node.js" : `this machine has Node.js ${node.version}`;
  return new MeshError(
    "RUNTIME_UNSUPPORTED",
    `${own}, OpenClaw needs ${openclawNodeRange}, and npm has none of its own for ${platform} on ${arch}`,
    { hint: "Install such a Node.js, or choose ZeroClaw with --runtime zeroclaw." },
  );
}

/** npm's global folder where this user may write there, else the user's own. */
async function choosePrefix(npm: string, deps: ProvisionDeps): Promise<string> {
  const prefix = await readNpmPrefix(npm, deps);
  if (prefix === null) return userPrefix(deps.home);
  const places = [join(prefix, "lib", "node_modules"), join(prefix, "bin")];
  const mayWrite = await Promise.all(places.map((place) => mayWriteTo(place)));
  return mayWrite.every(Boolean) ? prefix : userPrefix(deps.home);
}

async function mayWriteTo(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    if (errorCodeOf(error) !== "ENOENT" || path === dirname(path)) return false;
    return await mayWriteTo(dirname(path));
  }
}
