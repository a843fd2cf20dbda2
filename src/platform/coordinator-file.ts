import { rm } from "node:fs/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { errorCodeOf, writeFileAtomic } from "./atomic-file.ts";
import { isLoopbackHost } from "./http-fetch.ts";
import { privateFileMode, readPrivateText } from "./private-files.ts";
import { findLockHolder } from "./process-lock.ts";

/** What a coordinator that runs leaves in its data directory, for the commands of its machine. */
const RunningCoordinatorFacts = z.object({
  scheme: z.enum(["http", "https"]),
  /** What it listens on, as it was configured: `0.0.0.0`, `::`, an address or a name. */
  host: z.string(),
  port: z.int().min(1).max(65_535),
  pid: z.int(),
});
type RunningCoordinatorFacts = z.infer<typeof RunningCoordinatorFacts>;

/** The coordinator that has a data directory right now. */
export interface LocalCoordinator {
  /** How a command on this machine reaches it. */
  readonly url: string;
  /**
   * The address by which this URL reaches that coordinator and nobody else; null when somebody else might answer there: at
   * another port, without its TLS, or at an address of this machine that it does not listen on.
   */
  readonly match: (url: string) => string | null;
}

const coordinatorFilePath = (dataDir: string) => join(dataDir, "coordinator.json");

/** The lock of a data directory; who has it is the coordinator. */
export const coordinatorLockPath = (dataDir: string): string => join(dataDir, "lock");

/** Call it once the port is had. */
export async function saveCoordinatorFile(
  dataDir: string,
  facts: Omit<RunningCoordinatorFacts, "pid">,
): Promise<void> {
  const text = `${JSON.stringify({ ...facts, pid: process.pid })}\n`;
  await writeFileAtomic(coordinatorFilePath(dataDir), text, { mode: privateFileMode, overwrite: true });
}

/** At an orderly stop, before the port is free for others; and at the start, for what a killed one has left. */
export async function removeCoordinatorFile(dataDir: string): Promise<void> {
  await rm(coordinatorFilePath(dataDir), { force: true });
}

/**
 * null when none runs: there is no file, or nobody holds the lock of the directory any more, or somebody else than who
 * wrote the file does. A file that a killed coordinator left behind counts for nothing: its port may be another's by now.
 * null, too, where this user may not look.
 * @throws MeshError FILE_UNSAFE, or the system's error with its `code`
 */
export async function findLocalCoordinator(dataDir: string): Promise<LocalCoordinator | null> {
  const facts = await loadFacts(dataDir);
  if (facts === null) return null;
  const { scheme, host, port } = facts;
  const url = localUrl(host, { port, isTls: scheme === "https" });
  return {
    url,
    match: (asked) => {
      const { protocol, hostname, port: askedPort } = new URL(asked);
      const standard = protocol === "https:" ? 443 : 80;
      if (protocol !== `${scheme}:` || Number(askedPort || standard) !== port) return null;
      // As a name it may lead to the other loopback address, where somebody else can listen.
      if (hostname === "localhost") return isLoopbackHost(new URL(url).hostname) ? url : null;
      return isListenedOn(host, hostname.replace(/^\[|\]$/g, "")) ? asked : null;
    },
  };
}

async function loadFacts(dataDir: string): Promise<RunningCoordinatorFacts | null> {
  try {
    const facts = parseFacts(await readPrivateText(coordinatorFilePath(dataDir)));
    if (facts === null) return null;
    return findLockHolder(coordinatorLockPath(dataDir))?.pid === facts.pid ? facts : null;
  } catch (error) {
    const isOutOfReach = errorCodeOf(error) === "EACCES" || errorCodeOf(error) === "DATA_DIR_UNUSABLE";
    if (isOutOfReach) return null;
    throw error;
  }
}

function parseFacts(text: string | null): RunningCoordinatorFacts | null {
  if (text === null) return null;
  try {
    return RunningCoordinatorFacts.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isOfThisMachine(address: string): boolean {
  return Object.values(networkInterfaces()).some(
    (all) => all?.some((one) => one.address === address) === true,
  );
}

/** Whether it is an address of this machine, and one that a listener on this host has. */
function isListenedOn(host: string, address: string): boolean {
  const family = isIP(address);
  if (family === 0 || !(isLoopbackHost(address) || isOfThisMachine(address))) return false;
  if (host === "::") return true;
  if (host === "0.0.0.0" || host === "") return family === 4;
  return (host === "localhost" ? "127.0.0.1" : host) === address;
}

/** How this machine reaches a coordinator that listens on this host. */
export function localUrl(
  host: string,
  { port, isTls }: { readonly port: number; readonly isTls: boolean },
): string {
  const scheme = isTls ? "https" : "http";
  if (host === "0.0.0.0" || host === "localhost") return `${scheme}://127.0.0.1:${port}`;
  if (host === "::") return `${scheme}://[::1]:${port}`;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
